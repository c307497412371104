// SPDX-License-Identifier: Apache-2.0
// How services rest and wake when all goes well and when it does not. The monitors are stubs
// (stub_monitor.cc) that take the place of kind kvm: no guest runs, but the device must be there.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/loop/loop.h"
#include "base/strings.h"
#include "launcher/monitor/monitor_launcher.h"
#include "tests/launcher/recorder.h"

namespace summon::launcher {

namespace {

class RestTest : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm";
    folder_ = StrCat(testing::TempDir(), "summon-rest-", getpid());
    std::filesystem::remove_all(folder_);
    Start();
  }
  void TearDown() override {
    launcher_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  void Start() {
    launcher_.reset();
    MonitorLauncherOptions options;
    options.monitor_dir = SUMMON_STUBS;
    options.pool = 1;
    options.state_dir = folder_;
    launcher_ = MonitorLauncher::Create(*loop_, log_, events_, std::move(options)).value();
  }
  bool Await(const std::function<bool()>& holds) {
    return loop_->RunUntil(holds, std::chrono::seconds(20));
  }
  void Settle() {
    (void)loop_->RunUntil([] { return false; }, std::chrono::milliseconds(60));
  }
  std::string File() const { return folder_ + "/stub.snapshot"; }
  bool FileStands() const { return std::filesystem::exists(File()); }

  static LaunchOrder Order(std::string act) {
    LaunchOrder order;
    order.service = "stub";
    order.images.push_back(ImageFile{
        Kind::kKvm, UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), "stub"});
    order.command_line = std::move(act);
    order.snapshots = true;
    return order;
  }
  Status PrepareAndWait(LaunchOrder order) {
    const std::size_t before = events_.prepared.size();
    launcher_->Prepare(kService, std::move(order));
    EXPECT_TRUE(Await([&] { return events_.prepared.size() > before; }));
    return events_.prepared.back().second;
  }
  void Prepare(std::string act) {
    const Status prepared = PrepareAndWait(Order(std::move(act)));
    ASSERT_TRUE(prepared.ok()) << prepared.error().message();
  }
  void LaunchUntilReady(InstanceId instance) {
    launcher_->Launch(instance);
    (void)Await([&] {
      return events_.reached(instance, Stage::kReady) || events_.ends(instance) > 0;
    });
    ASSERT_TRUE(events_.reached(instance, Stage::kReady))
        << (events_.ends(instance) > 0 ? events_.end(instance).detail : "no ready in time");
  }
  // Where it came to rest.
  Rung Reclaim(InstanceId instance, Rung rung) {
    launcher_->Reclaim(instance, rung);
    EXPECT_TRUE(Await([&] { return events_.ends(instance) > 0; }));
    if (events_.ends(instance) == 0) return Rung::kOff;
    EXPECT_EQ(events_.end(instance).reason, EndReason::kReclaimed);
    return events_.end(instance).rest.rung;
  }
  // What the second instance woke from when the first did `act` and was to rest at `rung`.
  Rung WakesFrom(std::string act, Rung rung) {
    Prepare(std::move(act));
    LaunchUntilReady(kFirst);
    EXPECT_EQ(Reclaim(kFirst, rung), rung);
    LaunchUntilReady(kSecond);
    return events_.stages.back().second.from;
  }
  static std::vector<int> Children() {
    std::ifstream list(StrCat("/proc/self/task/", getpid(), "/children"));
    std::vector<int> pids;
    for (int pid = 0; list >> pid;) pids.push_back(pid);
    return pids;
  }

  std::string folder_;
  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  Logger log_{STDERR_FILENO, "test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  Recorder events_;
  std::unique_ptr<MonitorLauncher> launcher_;
};

TEST_F(RestTest, WakesFromPaused) { EXPECT_EQ(WakesFrom("good", Rung::kPaused), Rung::kPaused); }

TEST_F(RestTest, WakesFromParked) { EXPECT_EQ(WakesFrom("good", Rung::kParked), Rung::kParked); }

TEST_F(RestTest, WakesFromSavedAndTheFileIsUsedOnce) {
  EXPECT_EQ(WakesFrom("good", Rung::kSaved), Rung::kSaved);
  EXPECT_FALSE(FileStands());
}

TEST_F(RestTest, AnEndTellsWhatTheRestHolds) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  EXPECT_GT(events_.end(kFirst).rest.disk_bytes, 0u);
  EXPECT_EQ(events_.end(kFirst).rest.memory_bytes, 0u);
  struct stat status {};
  ASSERT_EQ(stat(File().c_str(), &status), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), events_.end(kFirst).rest.disk_bytes);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(RestTest, APausedOneTellsItsMemory) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  EXPECT_GT(events_.end(kFirst).rest.memory_bytes, 0u);
}

TEST_F(RestTest, EachStageIsToldOnceByTheOneThatWoke) {
  Prepare("again");  // first packet and first byte, once more after each kGo
  LaunchUntilReady(kFirst);
  ASSERT_TRUE(Await([&] { return events_.reached(kFirst, Stage::kFirstByteOut); }));
  EXPECT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  LaunchUntilReady(kSecond);
  ASSERT_TRUE(Await([&] { return events_.reached(kSecond, Stage::kFirstByteOut); }));
  EXPECT_EQ(events_.times(kSecond, Stage::kAssigned), 1);
  EXPECT_EQ(events_.times(kSecond, Stage::kReady), 1);
  EXPECT_EQ(events_.times(kSecond, Stage::kFirstPacketIn), 1);
}

TEST_F(RestTest, WithoutSnapshotsParkedIsOff) {
  LaunchOrder order = Order("good");
  order.snapshots = false;
  ASSERT_TRUE(PrepareAndWait(std::move(order)).ok());
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kParked), Rung::kOff);
}

TEST_F(RestTest, AGuestThatCannotBeWrittenDownIsOff) {
  Prepare("no_snapshot");
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kParked), Rung::kOff);
  LaunchUntilReady(kSecond);
}

TEST_F(RestTest, DeathWhileItIsWrittenDownIsOff) {
  Prepare("die_snapshotting");
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kOff);
  EXPECT_FALSE(FileStands());
}

TEST_F(RestTest, DeathBeforeItIsHeldIsOff) {
  Prepare("die_holding");
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kParked), Rung::kOff);
}

TEST_F(RestTest, AMonitorThatNeverHoldsItIsOff) {
  Prepare("never_held");
  LaunchUntilReady(kFirst);
  EXPECT_EQ(Reclaim(kFirst, Rung::kParked), Rung::kOff);
}

TEST_F(RestTest, ASecondReclaimGoesFurtherDown) {
  Prepare("never_held");
  LaunchUntilReady(kFirst);
  launcher_->Reclaim(kFirst, Rung::kParked);
  EXPECT_EQ(Reclaim(kFirst, Rung::kOff), Rung::kOff);
  Settle();
  EXPECT_EQ(events_.ends(kFirst), 1);
}

TEST_F(RestTest, DeathWhileItWakesBootsWithinTheSameLaunch) {
  EXPECT_EQ(WakesFrom("die_waking", Rung::kParked), Rung::kOff);
  EXPECT_EQ(events_.times(kSecond, Stage::kAssigned), 1);
  EXPECT_EQ(events_.ends(kSecond), 0);
}

TEST_F(RestTest, ARefusedSnapshotBootsWithinTheSameLaunch) {
  EXPECT_EQ(WakesFrom("bad_snapshot", Rung::kSaved), Rung::kOff);
}

TEST_F(RestTest, ADamagedFileBootsWithinTheSameLaunchAndIsRemoved) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  {
    std::fstream file(File(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('?');
  }
  LaunchUntilReady(kSecond);
  EXPECT_EQ(events_.stages.back().second.from, Rung::kOff);
  EXPECT_FALSE(FileStands());
}

TEST_F(RestTest, AMissingFileBootsWithinTheSameLaunch) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  std::filesystem::remove(File());
  LaunchUntilReady(kSecond);
  EXPECT_EQ(events_.stages.back().second.from, Rung::kOff);
}

TEST_F(RestTest, ASavedServiceOutlivesTheLauncher) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  Start();
  Prepare("good");
  ASSERT_EQ(events_.rests.size(), 1u);
  EXPECT_EQ(events_.rests[0].second.rung, Rung::kSaved);
  LaunchUntilReady(kSecond);
  EXPECT_EQ(events_.stages.back().second.from, Rung::kSaved);
}

TEST_F(RestTest, AfterARestartAnotherOrderHasNoUseForTheFile) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  Start();
  Prepare("busy");
  EXPECT_TRUE(events_.rests.empty());
  EXPECT_FALSE(FileStands());
}

TEST_F(RestTest, AForgottenServiceLeavesNoFile) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  launcher_->Forget(kService);
  EXPECT_TRUE(Await([&] { return !FileStands(); }));
}

TEST_F(RestTest, AForgottenServiceLeavesItsFileToTheNextLauncherWhenToldTo) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  launcher_->KeepSaved();
  launcher_->Forget(kService);
  Settle();
  EXPECT_TRUE(FileStands());
}

TEST_F(RestTest, TheDeathOfWhatRestsIsTold) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  for (const int pid : Children()) kill(pid, SIGKILL);
  ASSERT_TRUE(Await([&] { return !events_.rests.empty(); }));
  EXPECT_EQ(events_.rests[0].second, Rest{});
  LaunchUntilReady(kSecond);
}

TEST_F(RestTest, TheSameOrderKeepsWhatRests) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kParked), Rung::kParked);
  Prepare("good");
  ASSERT_EQ(events_.rests.size(), 1u);
  EXPECT_EQ(events_.rests[0].second.rung, Rung::kParked);
  LaunchUntilReady(kSecond);
  EXPECT_EQ(events_.stages.back().second.from, Rung::kParked);
}

TEST_F(RestTest, AnotherOrderDropsWhatRests) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kParked), Rung::kParked);
  Prepare("busy");
  ASSERT_EQ(events_.rests.size(), 1u);
  EXPECT_EQ(events_.rests[0].second.rung, Rung::kOff);
}

TEST_F(RestTest, AnInstanceOfAFormerOrderIsOffWhateverIsAsked) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  Prepare("busy");
  EXPECT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kOff);
}

TEST_F(RestTest, LowersStepByStep) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  launcher_->Lower(kService, Rung::kParked);
  ASSERT_TRUE(Await([&] { return events_.rests.size() == 1; }));
  launcher_->Lower(kService, Rung::kSaved);
  ASSERT_TRUE(Await([&] { return events_.rests.size() == 2; }));
  launcher_->Lower(kService, Rung::kPaused);  // higher: ignored
  launcher_->Lower(kService, Rung::kOff);
  ASSERT_TRUE(Await([&] { return events_.rests.size() == 3; }));
  EXPECT_EQ(events_.rests[0].second.rung, Rung::kParked);
  EXPECT_EQ(events_.rests[1].second.rung, Rung::kSaved);
  EXPECT_EQ(events_.rests[2].second.rung, Rung::kOff);
  EXPECT_TRUE(Await([&] { return !FileStands(); }));
}

TEST_F(RestTest, ManyAreSavedInTheirTurn) {
  constexpr unsigned kServices = 6;  // more than are written at once
  for (unsigned i = 0; i < kServices; ++i) {
    LaunchOrder order = Order("good");
    order.service = StrCat("stub", i);
    launcher_->Prepare(ServiceId{i}, std::move(order));
  }
  ASSERT_TRUE(Await([&] { return events_.prepared.size() == kServices; }));
  for (unsigned i = 0; i < kServices; ++i) launcher_->Launch(InstanceId{ServiceId{i}, 1});
  const auto all_ready = [&] {
    return std::count_if(events_.stages.begin(), events_.stages.end(), [](const auto& one) {
             return one.second.stage == Stage::kReady;
           }) == kServices;
  };
  ASSERT_TRUE(Await(all_ready));
  for (unsigned i = 0; i < kServices; ++i) {
    launcher_->Reclaim(InstanceId{ServiceId{i}, 1}, Rung::kSaved);
  }
  ASSERT_TRUE(Await([&] { return events_.ended.size() == kServices; }));
  EXPECT_TRUE(std::all_of(events_.ended.begin(), events_.ended.end(), [](const auto& one) {
    return one.second.rest.rung == Rung::kSaved;
  }));
}

TEST_F(RestTest, ALaunchOvertakesALowering) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  launcher_->Lower(kService, Rung::kSaved);
  LaunchUntilReady(kSecond);
  EXPECT_NE(events_.stages.back().second.from, Rung::kOff);
  Settle();
  EXPECT_FALSE(FileStands());
}

TEST_F(RestTest, ReclaimWhileTheFileIsReadEndsIt) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kSaved);
  launcher_->Launch(kSecond);
  EXPECT_EQ(Reclaim(kSecond, Rung::kOff), Rung::kOff);
  Settle();
  EXPECT_EQ(events_.ends(kSecond), 1);
  LaunchUntilReady(InstanceId{kService, 3});
}

TEST_F(RestTest, ForgettingWhileItRestsLeavesNoProcess) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  launcher_->Forget(kService);
  EXPECT_TRUE(Await([&] { return launcher_->processes() <= 1; }));  // the pool's
}

TEST_F(RestTest, MeasuresAreToldForEachRung) {
  EXPECT_EQ(WakesFrom("good", Rung::kParked), Rung::kParked);
  ASSERT_TRUE(Await([&] { return events_.measures.size() >= 2; }));
  EXPECT_EQ(events_.measures.front().rung, Rung::kOff);
  const RungMeasure& parked = events_.measures.back();
  EXPECT_EQ(parked.rung, Rung::kParked);
  EXPECT_EQ(parked.samples, 1u);
  EXPECT_GT(parked.wake_p50.count(), 0);
  EXPECT_GT(parked.memory_p50_bytes, 0u);
}

TEST_F(RestTest, AMonitorThatDoesNotAnswerIsEndedWithinTwoSeconds) {
  Prepare("deaf");
  LaunchUntilReady(kFirst);
  const Instant ready = loop_->Now();
  ASSERT_TRUE(Await([&] { return events_.ends(kFirst) > 0; }));
  EXPECT_EQ(events_.end(kFirst).reason, EndReason::kMonitorDied);
  EXPECT_NE(events_.end(kFirst).detail.find("does not answer"), std::string::npos);
  EXPECT_EQ(launcher_->hung(), 1u);
  EXPECT_LT(loop_->Now() - ready, std::chrono::milliseconds(2500));
}

TEST_F(RestTest, ADeafMonitorThatIsWokenIsReplacedWithinTheSameLaunch) {
  Prepare("deaf");
  LaunchUntilReady(kFirst);
  ASSERT_EQ(Reclaim(kFirst, Rung::kPaused), Rung::kPaused);
  LaunchUntilReady(kSecond);
  EXPECT_EQ(events_.stages.back().second.from, Rung::kOff);
}

TEST_F(RestTest, WithoutAStateFolderALoweringToSavedIsOff) {
  folder_.clear();
  Start();
  Prepare("good");
  LaunchUntilReady(kFirst);
  launcher_->Reclaim(kFirst, Rung::kPaused);
  EXPECT_EQ(Reclaim(kFirst, Rung::kSaved), Rung::kOff);
}

TEST_F(RestTest, AMonitorThatIsBusyAndAnswersIsLeftAlone) {
  Prepare("busy");
  LaunchUntilReady(kFirst);
  (void)loop_->RunUntil([&] { return events_.ends(kFirst) > 0; }, std::chrono::milliseconds(3500));
  EXPECT_EQ(events_.ends(kFirst), 0);
}

TEST_F(RestTest, AMonitorThatSomebodyStoppedIsEnded) {
  Prepare("good");
  LaunchUntilReady(kFirst);
  for (const int pid : Children()) kill(pid, SIGSTOP);
  ASSERT_TRUE(Await([&] { return events_.ends(kFirst) > 0; }));
  EXPECT_EQ(events_.end(kFirst).reason, EndReason::kMonitorDied);
  EXPECT_NE(events_.end(kFirst).detail.find("stopped"), std::string::npos);
}

TEST_F(RestTest, AWrongAnswerWhileItWakesBootsWithinTheSameLaunch) {
  EXPECT_EQ(WakesFrom("wrong_pong", Rung::kPaused), Rung::kOff);
}

TEST_F(RestTest, AHeldGuestThatWasNotToBeHeldEndsIt) {
  Prepare("held_unasked");
  launcher_->Launch(kFirst);
  ASSERT_TRUE(Await([&] { return events_.ends(kFirst) > 0; }));
  EXPECT_EQ(events_.end(kFirst).reason, EndReason::kMonitorDied);
}

TEST_F(RestTest, AnEmptyLayoutIsRefused) {
  const Status prepared = PrepareAndWait(Order("no_layout"));
  ASSERT_FALSE(prepared.ok());
  EXPECT_NE(prepared.error().message().find("0 bytes"), std::string::npos);
}

TEST_F(RestTest, ThePoolDoublesWhenAMemberIsMissed) {
  Prepare("good");
  ASSERT_TRUE(Await([&] { return launcher_->pool(Kind::kKvm).ready == 1; }));
  LaunchUntilReady(kFirst);
  EXPECT_EQ(launcher_->pool(Kind::kKvm).hits, 1u);
  EXPECT_EQ(Reclaim(kFirst, Rung::kOff), Rung::kOff);
  LaunchUntilReady(kSecond);  // before the refill
  EXPECT_EQ(launcher_->pool(Kind::kKvm).misses, 1u);
  EXPECT_EQ(launcher_->pool(Kind::kKvm).size, 2u);
  EXPECT_TRUE(Await([&] { return launcher_->pool(Kind::kKvm).ready == 2; }));
}

}  // namespace
}  // namespace summon::launcher
