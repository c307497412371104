// SPDX-License-Identifier: Apache-2.0
// What the launcher makes of monitors that die or send nonsense at each stage. The monitors are
// stubs (stub_monitor.cc): no guest, no device, no rights needed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/loop/loop.h"
#include "base/strings.h"
#include "launcher/monitor/monitor_launcher.h"
#include "tests/launcher/recorder.h"

namespace summon::launcher {

namespace {

class FaultTest : public testing::Test {
 protected:
  void SetUp() override {
    Start("/dev/null");
  }

  void Start(const std::string& kvm_path) {
    MonitorLauncherOptions options;
    options.monitor_dir = SUMMON_STUBS;
    options.kvm_path = kvm_path;
    options.pool = 1;
    launcher_ = MonitorLauncher::Create(*loop_, log_, events_, std::move(options)).value();
  }
  bool Await(const std::function<bool()>& holds) {
    return loop_->RunUntil(holds, std::chrono::seconds(20));
  }
  static LaunchOrder Order(std::string act, Kind kind = Kind::kProcess) {
    LaunchOrder order;
    order.service = "stub";
    order.images.push_back(ImageFile{kind, UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
                                     "stub"});
    order.command_line = std::move(act);
    return order;
  }
  void Prepare(LaunchOrder order) {
    launcher_->Prepare(kService, std::move(order));
    ASSERT_TRUE(Await([&] { return !events_.prepared.empty(); }));
    ASSERT_TRUE(events_.prepared.back().second.ok())
        << events_.prepared.back().second.error().message();
  }
  // The end of an instance whose monitor does `act`.
  EndReport EndOf(std::string act) {
    Prepare(Order(std::move(act)));
    launcher_->Launch(kFirst);
    EXPECT_TRUE(Await([&] { return events_.ends(kFirst) > 0; }));
    return events_.ends(kFirst) > 0 ? events_.end(kFirst) : EndReport{};
  }

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  Logger log_{STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  Recorder events_;
  std::unique_ptr<MonitorLauncher> launcher_;
};

TEST_F(FaultTest, AGoodMonitorBecomesReady) {
  Prepare(Order("good"));
  launcher_->Launch(kFirst);
  EXPECT_TRUE(Await([&] { return events_.reached(kFirst, Stage::kReady); }));
}

TEST_F(FaultTest, ABlockFileThatBecameSmallerIsRefused) {
  LaunchOrder order = Order("good");
  UniqueFd disk(memfd_create("disk", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(disk.get(), 4096), 0);
  order.blocks.push_back(BlockOrder{"disk", disk.Duplicate().value(), "the disk"});
  Prepare(std::move(order));
  ASSERT_EQ(ftruncate(disk.get(), 512), 0);
  launcher_->Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events_.ends(kFirst) > 0; }));
  EXPECT_EQ(events_.end(kFirst).reason, EndReason::kHostFault);
  EXPECT_NE(events_.end(kFirst).detail.find("the disk has 512 bytes; it had 4096"),
            std::string::npos)
      << events_.end(kFirst).detail;
}

TEST_F(FaultTest, DeathBeforeAnyStage) {
  const EndReport end = EndOf("die_at_once");
  EXPECT_EQ(end.reason, EndReason::kMonitorDied);
  EXPECT_NE(end.detail.find("SIGKILL"), std::string::npos);
}

TEST_F(FaultTest, AMonitorThatDiesBeforeItTakesItsJobIsReplaced) {
  const std::string folder = StrCat("/tmp/summon-faults-test.", getpid());
  Prepare(Order(StrCat("good_after ", folder)));
  launcher_->Launch(kFirst);
  EXPECT_TRUE(Await([&] { return events_.reached(kFirst, Stage::kReady); }));
  EXPECT_EQ(rmdir(folder.c_str()), 0) << "the first monitor did not die";
  EXPECT_EQ(events_.ends(kFirst), 0u);
}

TEST_F(FaultTest, DeathWhileBootingTellsWhatItPrinted) {
  const EndReport end = EndOf("die_assigned");
  EXPECT_EQ(end.reason, EndReason::kMonitorDied);
  EXPECT_NE(end.detail.find("status 7"), std::string::npos);
  EXPECT_NE(end.detail.find("out of luck"), std::string::npos);
}

TEST_F(FaultTest, AProcessThatFaultsWhileItRunsIsTheGuestsFault) {
  EXPECT_EQ(EndOf("die_running").reason, EndReason::kGuestFault);
}

TEST_F(FaultTest, AForbiddenSystemCallIsTheGuestsFault) {
  const EndReport end = EndOf("forbidden");
  EXPECT_EQ(end.reason, EndReason::kGuestFault);
  EXPECT_NE(end.detail.find("system call"), std::string::npos);
}

TEST_F(FaultTest, TheExitStatusOfAProcessIsTheGuests) {
  const EndReport end = EndOf("exit_3");
  EXPECT_EQ(end.reason, EndReason::kHalted);
  EXPECT_EQ(end.exit_status, 3);
}

TEST_F(FaultTest, AWrongMagicEndsIt) {
  const EndReport end = EndOf("garbage");
  EXPECT_EQ(end.reason, EndReason::kMonitorDied);
  EXPECT_NE(end.detail.find("0xdeadbeef"), std::string::npos);
}

TEST_F(FaultTest, AShortReportEndsIt) { EXPECT_EQ(EndOf("short").reason, EndReason::kMonitorDied); }

TEST_F(FaultTest, ALongReportEndsIt) { EXPECT_EQ(EndOf("long").reason, EndReason::kMonitorDied); }

TEST_F(FaultTest, ReadyTwiceIsToldOnceAndEndsIt) {
  EXPECT_EQ(EndOf("ready_twice").reason, EndReason::kMonitorDied);
  EXPECT_EQ(events_.times(kFirst, Stage::kReady), 1);
}

TEST_F(FaultTest, ReadyBeforeRunningEndsIt) {
  EXPECT_EQ(EndOf("ready_first").reason, EndReason::kMonitorDied);
  EXPECT_FALSE(events_.reached(kFirst, Stage::kReady));
}

TEST_F(FaultTest, AFloodOfReportsEndsIt) {
  EXPECT_EQ(EndOf("flood").reason, EndReason::kMonitorDied);
  EXPECT_LE(events_.stages.size(), 7u);
}

TEST_F(FaultTest, AMonitorThatClosesItsSocketIsEnded) {
  EXPECT_EQ(EndOf("close_control").reason, EndReason::kMonitorDied);
}

TEST_F(FaultTest, AHostFaultIsToldWithPrintableText) {
  const EndReport end = EndOf("host_fault");
  EXPECT_EQ(end.reason, EndReason::kHostFault);
  EXPECT_EQ(end.detail, "no luck");
}

TEST_F(FaultTest, AnUnknownReasonIsADeadMonitor) {
  EXPECT_EQ(EndOf("odd_reason").reason, EndReason::kMonitorDied);
}

TEST_F(FaultTest, AStampInTheFutureIsPutBack) {
  Prepare(Order("future"));
  launcher_->Launch(kFirst);
  ASSERT_TRUE(Await([&] { return !events_.stages.empty(); }));
  EXPECT_LE(events_.stages[0].second.at, loop_->Now());
}

TEST_F(FaultTest, WhatIsNotTheKvmDeviceMakesKvmUnavailable) {
  ASSERT_TRUE(Await([&] { return events_.availability.size() == kKinds; }));
  const Status& kvm = events_.availability.at(Kind::kKvm);
  ASSERT_FALSE(kvm.ok());
  EXPECT_NE(kvm.error().message().find("not the KVM device"), std::string::npos);
  EXPECT_TRUE(events_.availability.at(Kind::kProcess).ok());
}

TEST_F(FaultTest, WithoutKvmAServiceThatNeedsItIsUnavailable) {
  Prepare(Order("good", Kind::kKvm));
  launcher_->Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events_.ends(kFirst) > 0; }));
  EXPECT_EQ(events_.end(kFirst).reason, EndReason::kUnavailable);
  EXPECT_NE(events_.end(kFirst).detail.find("/dev/null"), std::string::npos);
}

TEST_F(FaultTest, WithoutKvmTheProcessImageIsUsed) {
  LaunchOrder order = Order("good", Kind::kKvm);
  order.images.push_back(std::move(Order("good").images[0]));
  Prepare(std::move(order));
  launcher_->Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events_.reached(kFirst, Stage::kReady); }));
  EXPECT_EQ(events_.stages.back().second.kind, Kind::kProcess);
}

TEST_F(FaultTest, KvmThatAppearsIsNoticedWithoutARestart) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm";
  const std::string link = StrCat(testing::TempDir(), "summon-kvm-", getpid());
  Start(link);
  ASSERT_TRUE(Await([&] {
    const auto kvm = events_.availability.find(Kind::kKvm);
    return kvm != events_.availability.end() && !kvm->second.ok() &&
           kvm->second.error().message().find(link) != std::string::npos;
  }));
  EXPECT_NE(events_.availability.at(Kind::kKvm).error().message().find("modprobe"),
            std::string::npos);
  ASSERT_EQ(symlink("/dev/kvm", link.c_str()), 0);
  EXPECT_TRUE(Await([&] { return events_.availability.at(Kind::kKvm).ok(); }));
  (void)unlink(link.c_str());
}

TEST(MonitorLauncherCreate, AMissingFolderIsAnError) {
  const std::unique_ptr<Loop> loop = Loop::Create().value();
  Logger log(STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop);
  Recorder events;
  MonitorLauncherOptions options;
  options.monitor_dir = "/nonexistent";
  const auto made = MonitorLauncher::Create(*loop, log, events, std::move(options));
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace summon::launcher
