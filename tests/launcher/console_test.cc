// SPDX-License-Identifier: Apache-2.0
// The console ring and what ends mean: pure parts of the monitor launcher.
#include "launcher/monitor/console.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>

#include "launcher/monitor/end_report.h"

namespace summon::launcher {

namespace {

TEST(ConsoleRing, KeepsWhatFits) {
  ConsoleRing ring(8);
  ring.Append("abc");
  ring.Append("de");
  EXPECT_EQ(ring.Contents(), "abcde");
}

TEST(ConsoleRing, ForgetsTheOldestFirst) {
  ConsoleRing ring(4);
  ring.Append("abc");
  ring.Append("de");
  ring.Append("f");
  EXPECT_EQ(ring.Contents(), "cdef");
}

TEST(ConsoleRing, OfATextLongerThanItselfKeepsTheEnd) {
  ConsoleRing ring(4);
  ring.Append("x");
  ring.Append("abcdefgh");
  EXPECT_EQ(ring.Contents(), "efgh");
}

TEST(ConsoleRing, IsRightAtEveryLengthAroundItsCapacity) {
  std::string all;
  ConsoleRing ring(7);
  for (int i = 0; i < 100; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 9), static_cast<char>('a' + i % 26));
    all += piece;
    ring.Append(piece);
    ASSERT_EQ(ring.Contents(), all.size() <= 7 ? all : all.substr(all.size() - 7)) << i;
  }
}

MonitorExit WithEnd(hypervisor::EndReason reason) {
  MonitorExit exit;
  exit.end.emplace();
  exit.end->reason = reason;
  exit.end->exit_status = 5;
  exit.end->frames_dropped = 6;
  exit.end->frames_forged = 8;
  std::strcpy(exit.end->detail, "because");
  return exit;
}

TEST(InterpretExit, TakesTheMonitorsReport) {
  const EndReport report =
      InterpretExit(Kind::kKvm, Asked::kNo, WithEnd(hypervisor::EndReason::kHalted));
  EXPECT_EQ(report.reason, EndReason::kHalted);
  EXPECT_EQ(report.exit_status, 5);
  EXPECT_EQ(report.frames_dropped, 6u);
  EXPECT_EQ(report.frames_forged, 8u);
  EXPECT_EQ(report.detail, "because");
}

TEST(InterpretExit, AReclaimedInstanceIsReclaimedHoweverItEnded) {
  const EndReport report =
      InterpretExit(Kind::kKvm, Asked::kReclaim, WithEnd(hypervisor::EndReason::kGuestFault));
  EXPECT_EQ(report.reason, EndReason::kReclaimed);
  EXPECT_EQ(report.frames_dropped, 6u);
}

TEST(InterpretExit, AKvmMonitorThatIsKilledBySegvDiedItself) {
  MonitorExit exit;
  exit.signalled = true;
  exit.code = SIGSEGV;
  exit.guest_ran = true;
  EXPECT_EQ(InterpretExit(Kind::kKvm, Asked::kNo, exit).reason, EndReason::kMonitorDied);
  EXPECT_EQ(InterpretExit(Kind::kProcess, Asked::kNo, exit).reason, EndReason::kGuestFault);
}

TEST(InterpretExit, AProcessThatEndsBeforeItsGuestRanDied) {
  MonitorExit exit;
  exit.code = 0;
  EXPECT_EQ(InterpretExit(Kind::kProcess, Asked::kNo, exit).reason, EndReason::kMonitorDied);
}

}  // namespace
}  // namespace summon::launcher
