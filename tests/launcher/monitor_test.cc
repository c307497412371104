// SPDX-License-Identifier: Apache-2.0
// Real monitors of the kind that CMake names (SUMMON_TEST_KIND): the port's promises, and that
// nothing is lost or left over when monitors die.
#include <gtest/gtest.h>
#include <net/if.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "launcher/monitor/watchdog.h"
#include "launcher/tap/tap.h"
#include "tests/launcher/conformance.h"
#include "tests/launcher/monitor_world.h"

namespace summon::launcher {

namespace {

constexpr Kind kKind = Kind::SUMMON_TEST_KIND;

class KindWorld : public MonitorWorld {
 public:
  KindWorld() : MonitorWorld(kKind, WithStateFolder()) {}
  static std::string Missing() { return MissingFor(kKind); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Monitor, LauncherConformance, KindWorld);

class MonitorTest : public LauncherConformance<KindWorld> {
 protected:
  static std::vector<int> Children() {
    std::ifstream list(StrCat("/proc/self/task/", getpid(), "/children"));
    std::vector<int> pids;
    for (int pid = 0; list >> pid;) pids.push_back(pid);
    return pids;
  }
  static bool HoldsTap(int pid) {
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(StrCat("/proc/", pid, "/fd"), error)) {
      if (std::filesystem::read_symlink(entry, error) == "/dev/net/tun") return true;
    }
    return false;
  }
  static int RunningMonitor() {
    for (const int pid : Children()) {
      if (HoldsTap(pid)) return pid;
    }
    return -1;
  }
  static std::size_t OpenDescriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  bool Answered(InstanceId instance) {
    return events().reached(instance, Stage::kFirstByteOut);
  }
  std::string Console() {
    std::optional<std::string> text;
    launcher().ReadConsole(kService, [&](std::string answer) { text = std::move(answer); });
    EXPECT_TRUE(Await([&] { return text.has_value(); }));
    return text.value_or("");
  }
  // The pool is full again and nothing else runs. On a slow host it has grown meanwhile.
  void AwaitRest() {
    ASSERT_TRUE(Await([&] {
      const auto pool = world_->monitors().pool(kKind);
      return pool.ready == pool.size && world_->monitors().processes() == pool.size;
    }));
  }
  // Without those that belong to waiting monitors: a control socket, a pidfd, diagnostics.
  std::size_t DescriptorsAtRest() {
    constexpr std::size_t kOfEachMonitor = 3;
    return OpenDescriptors() - kOfEachMonitor * world_->monitors().processes();
  }
};

TEST_F(MonitorTest, KilledWhileReadyIsToldAndCanBeLaunchedAgain) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  const int pid = RunningMonitor();
  ASSERT_GT(pid, 0);
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(Await([&] { return events().ends(kFirst) > 0; }));
  EXPECT_EQ(events().end(kFirst).reason, EndReason::kMonitorDied);
  EXPECT_NE(events().end(kFirst).detail.find("SIGKILL"), std::string::npos);
  LaunchUntilReady(kSecond);
}

TEST_F(MonitorTest, KilledWhileBootingLosesNoQueuedFrame) {
  PrepareGood();
  world_->SendPacket(kService);
  ASSERT_TRUE(Await([&] { return !events().packets.empty(); }));
  launcher().Launch(kFirst);
  for (const int pid : Children()) kill(pid, SIGKILL);  // hardly that the job has been read
  ASSERT_TRUE(Await([&] { return Answered(kFirst) || events().ends(kFirst) > 0; }));
  // One that had read it ends; its frame still waits, and the next one gets it.
  const InstanceId last = Answered(kFirst) ? kFirst : kSecond;
  if (last == kSecond) LaunchUntilReady(kSecond);
  ASSERT_TRUE(Await([&] { return Answered(last); }));
}

TEST_F(MonitorTest, AMonitorThatDiedBeforeItsJobCameIsReplacedWithinTheLaunch) {
  PrepareGood();
  AwaitRest();
  // Stopped, so that it dies with the job unread.
  for (const int pid : Children()) kill(pid, SIGSTOP);
  launcher().Launch(kFirst);
  for (const int pid : Children()) kill(pid, SIGKILL);
  ASSERT_TRUE(Await([&] { return events().reached(kFirst, Stage::kReady); }));
  EXPECT_EQ(events().ends(kFirst), 0u);
}

TEST_F(MonitorTest, TheFrameThatWokeItIsAnswered) {
  PrepareGood();
  world_->SendPacket(kService);
  ASSERT_TRUE(Await([&] { return !events().packets.empty(); }));
  LaunchUntilReady(kFirst);
  ASSERT_TRUE(Await([&] { return events().reached(kFirst, Stage::kFirstByteOut); }));
  ASSERT_TRUE(Await([&] { return events().traffic.count(kService) > 0; }));
  EXPECT_GE(events().traffic[kService].frames_from_guest, 1u);
  EXPECT_EQ(events().traffic[kService].frames_dropped, 0u);
}

TEST_F(MonitorTest, NoiseThatTheGuestLeftUnreadDoesNotWake) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  ASSERT_EQ(kill(RunningMonitor(), SIGSTOP), 0);  // busy elsewhere, as on a loaded machine
  SendNoiseTo(AddressOf(kService));
  ReclaimAndWait(kFirst);
  world_->Settle();
  EXPECT_TRUE(events().packets.empty());
  LaunchUntilReady(kSecond);
}

TEST_F(MonitorTest, ARequestThatTheGuestLeftUnreadWakesAndIsAnswered) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  ASSERT_EQ(kill(RunningMonitor(), SIGSTOP), 0);
  SendNoiseTo(AddressOf(kService));
  world_->SendPacket(kService);
  ReclaimAndWait(kFirst);
  ASSERT_TRUE(Await([&] { return events().packets.size() == 1; }));
  LaunchUntilReady(kSecond);
  ASSERT_TRUE(Await([&] { return events().reached(kSecond, Stage::kFirstByteOut); }));
}

TEST_F(MonitorTest, GuestFaultsAreTold) {
  // What each kind of monitor sees itself: a hypercall outside memory, a signal.
  const std::string act = kKind == Kind::kKvm ? "bad_pointer" : "write_text";
  PrepareSound(world_->Hostile(kService, act));
  launcher().Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events().ends(kFirst) > 0; }));
  EXPECT_EQ(events().end(kFirst).reason, EndReason::kGuestFault) << events().end(kFirst).detail;
  EXPECT_FALSE(events().end(kFirst).detail.empty());
}

TEST_F(MonitorTest, TheConsoleIsKept) {
  PrepareSound(world_->Halting(kService));
  launcher().Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events().ends(kFirst) > 0; }));
  EXPECT_NE(Console().find("Hello from Summon"), std::string::npos);
}

TEST_F(MonitorTest, AConsoleFloodIsBounded) {
  PrepareSound(world_->Hostile(kService, "flood"));
  launcher().Launch(kFirst);
  // However slow the host: until as much is kept as may be. The guest goes on all the time.
  ASSERT_TRUE(Await([&] { return Console().size() >= Launcher::kConsoleBytesMax; }));
  world_->Settle();
  ReclaimAndWait(kFirst);
  EXPECT_EQ(Console().size(), Launcher::kConsoleBytesMax);
}

TEST_F(MonitorTest, AnEndlessLoopIsReclaimed) {
  PrepareSound(world_->Hostile(kService, "loop"));
  launcher().Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events().reached(kFirst, Stage::kRunning); }));
  ReclaimAndWait(kFirst);
  EXPECT_FALSE(events().reached(kFirst, Stage::kReady));
}

TEST_F(MonitorTest, ADeviceThatTheImageDoesNotDeclareIsRejected) {
  LaunchOrder order = world_->Halting(kService);
  order.nets.push_back(NetOrder{"service", {}});
  const Status prepared = PrepareAndWait(std::move(order));
  ASSERT_FALSE(prepared.ok());
  EXPECT_NE(prepared.error().message().find("service"), std::string::npos);
}

TEST_F(MonitorTest, ATakenTapNameIsLeftAloneAndNamed) {
  TapSpec spec{.name = "smtest0",
               .address = Ipv4Address{{10, 99, 0, 2}},
               .gateway = Ipv4Address{{10, 99, 0, 1}},
               .guest_mac = DeriveGuestMac("other")};
  const std::unique_ptr<Tap> other = Tap::Create(spec).value();
  const Status prepared = PrepareAndWait(world_->Good(kService));
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().code(), ErrorCode::kBusy);
  EXPECT_NE(prepared.error().message().find("smtest0"), std::string::npos);
  EXPECT_NE(if_nametoindex("smtest0"), 0u);
}

TEST_F(MonitorTest, FiftyCyclesLeaveNothing) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  ReclaimAndWait(kFirst);
  AwaitRest();
  const std::size_t before = DescriptorsAtRest();
  constexpr std::uint64_t kCycles = 50;
  for (std::uint64_t cycle = 0; cycle < kCycles; ++cycle) {
    const InstanceId instance{kService, 10 + cycle};
    LaunchUntilReady(instance);
    ReclaimAndWait(instance);
  }
  AwaitRest();
  EXPECT_EQ(DescriptorsAtRest(), before);
  launcher().Forget(kService);
  world_->Settle();
  EXPECT_EQ(if_nametoindex("smtest0"), 0u);
  world_->DestroyLauncher();
  EXPECT_TRUE(Children().empty());
}

TEST_F(MonitorTest, AnInstanceThatTheWatchdogLookedAtLeavesNoDescriptor) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  ReclaimAndWait(kFirst);
  AwaitRest();
  const std::size_t before = DescriptorsAtRest();
  LaunchUntilReady(kSecond);
  const Instant looked_at = world_->loop().Now() + 2 * Watchdog::kPeriod;
  (void)Await([&] { return world_->loop().Now() > looked_at; });
  ReclaimAndWait(kSecond);
  AwaitRest();
  EXPECT_EQ(DescriptorsAtRest(), before);
}

// No cgroup of its own bounds the guest's share here: the test's launcher has none to give.
TEST_F(MonitorTest, AGuestThatSpinsGetsALowPriority) {
  PrepareSound(world_->Hostile(kService, "ready_loop"));
  LaunchUntilReady(kFirst);
  constexpr int kLow = 10;
  EXPECT_TRUE(Await([] {
    const std::vector<int> pids = Children();
    return std::any_of(pids.begin(), pids.end(), [](int pid) {
      return getpriority(PRIO_PROCESS, static_cast<id_t>(pid)) == kLow;
    });
  }));
  EXPECT_EQ(events().ends(kFirst), 0u) << "it may use what nobody else wants";
}

TEST_F(MonitorTest, AGuestThatWaitsKeepsItsPriority) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  const Instant looked_at =
      world_->loop().Now() + (Watchdog::kSpinsAfter + 1) * Watchdog::kPeriod;
  (void)Await([&] { return world_->loop().Now() > looked_at; });
  const int pid = RunningMonitor();
  ASSERT_GT(pid, 0);
  EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(pid)), 0);
}

TEST_F(MonitorTest, DestroyingTheLauncherLeavesNoProcessAndNoTap) {
  PrepareGood();
  LaunchUntilReady(kFirst);
  world_->DestroyLauncher();
  EXPECT_TRUE(Children().empty());
  EXPECT_EQ(if_nametoindex("smtest0"), 0u);
}

}  // namespace
}  // namespace summon::launcher
