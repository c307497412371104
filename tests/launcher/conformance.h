// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every launcher promises, as tests of any implementation.
//
// A World makes one launcher and what it needs:
//   static std::string Missing()        why it cannot run here; empty when it can
//   Launcher& launcher(); Recorder& events();
//   LaunchOrder Good(ServiceId)          an instance that becomes ready and stays
//   LaunchOrder Halting(ServiceId)       one that ends by itself with status 0
//   LaunchOrder Bad(ServiceId)           an image that cannot be booted
//   void SendPacket(ServiceId)           a frame that should wake the service
//   bool Await(std::function<bool()>)    lets time pass until it holds; false when it does not
//   void Settle()                        lets happen what is due

#include <gtest/gtest.h>

#include <string>

#include "tests/launcher/recorder.h"

namespace summon::launcher {

template <typename World>
class LauncherConformance : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = World::Missing();
    if (!missing.empty()) GTEST_SKIP() << missing;
    world_.emplace();
  }

  Launcher& launcher() { return world_->launcher(); }
  Recorder& events() { return world_->events(); }
  bool Await(const std::function<bool()>& holds) { return world_->Await(holds); }

  // The answer to the newest Prepare.
  Status PrepareAndWait(LaunchOrder order) {
    const std::size_t before = events().prepared.size();
    launcher().Prepare(kService, std::move(order));
    if (!Await([&] { return events().prepared.size() > before; })) {
      return Error(ErrorCode::kTimeout, "OnPrepared was not called");
    }
    return events().prepared.back().second;
  }
  void PrepareSound(LaunchOrder order) {
    const Status prepared = PrepareAndWait(std::move(order));
    ASSERT_TRUE(prepared.ok()) << prepared.error().message();
  }
  void PrepareGood() { PrepareSound(world_->Good(kService)); }
  void LaunchUntilReady(InstanceId instance) {
    launcher().Launch(instance);
    (void)Await([&] {
      return events().reached(instance, Stage::kReady) || events().ends(instance) > 0;
    });
    ASSERT_TRUE(events().reached(instance, Stage::kReady))
        << (events().ends(instance) > 0 ? events().end(instance).detail : "no ready in time");
  }
  void ReclaimAndWait(InstanceId instance) {
    launcher().Reclaim(instance, Rung::kOff);
    ASSERT_TRUE(Await([&] { return events().ends(instance) > 0; }));
  }

  // An instance that came to rest at `rung`, or below.
  void RestAt(Rung rung) {
    LaunchOrder order = world_->Good(kService);
    order.snapshots = true;
    const Status prepared = PrepareAndWait(std::move(order));
    ASSERT_TRUE(prepared.ok()) << prepared.error().message();
    LaunchUntilReady(kFirst);
    launcher().Reclaim(kFirst, rung);
    ASSERT_TRUE(Await([&] { return events().ends(kFirst) > 0; }));
    ASSERT_EQ(events().end(kFirst).reason, EndReason::kReclaimed) << events().end(kFirst).detail;
    EXPECT_GE(rest().rung, rung) << RungName(rest().rung) << " is above " << RungName(rung);
  }
  const Rest& rest() { return events().end(kFirst).rest; }
  // What the second instance woke from, by its report of ready.
  Rung WokenFrom() {
    for (const auto& [instance, report] : events().stages) {
      if (instance == kSecond && report.stage == Stage::kReady) return report.from;
    }
    ADD_FAILURE() << "the second instance was not ready";
    return Rung::kOff;
  }
  void WakesFromWhereItRests(Rung rung) {
    RestAt(rung);
    if (HasFatalFailure()) return;
    LaunchUntilReady(kSecond);
    EXPECT_EQ(WokenFrom(), rest().rung);
    EXPECT_EQ(events().times(kSecond, Stage::kReady), 1);
  }

  std::optional<World> world_;
};

TYPED_TEST_SUITE_P(LauncherConformance);

TYPED_TEST_P(LauncherConformance, TellsTheAvailabilityOfBothKinds) {
  EXPECT_TRUE(this->Await([&] { return this->events().availability.size() == kKinds; }));
}

TYPED_TEST_P(LauncherConformance, ReachesReadyOnceAndEndsOnceWhenReclaimed) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->ReclaimAndWait(kFirst);
  this->world_->Settle();
  EXPECT_EQ(this->events().times(kFirst, Stage::kReady), 1);
  EXPECT_EQ(this->events().ends(kFirst), 1);
  EXPECT_EQ(this->events().end(kFirst).reason, EndReason::kReclaimed);
}

TYPED_TEST_P(LauncherConformance, TellsStagesInOrderOfTime) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  const auto& stages = this->events().stages;
  EXPECT_EQ(stages.front().second.stage, Stage::kAssigned);
  EXPECT_TRUE(std::is_sorted(stages.begin(), stages.end(), [](const auto& a, const auto& b) {
    return a.second.at < b.second.at;
  }));
}

TYPED_TEST_P(LauncherConformance, LaunchesAgainAfterAnEnd) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->ReclaimAndWait(kFirst);
  this->LaunchUntilReady(kSecond);
  EXPECT_EQ(this->events().ends(kSecond), 0);
}

TYPED_TEST_P(LauncherConformance, TellsAGuestThatEndsByItself) {
  this->PrepareSound(this->world_->Halting(kService));
  this->launcher().Launch(kFirst);
  ASSERT_TRUE(this->Await([&] { return this->events().ends(kFirst) > 0; }));
  EXPECT_EQ(this->events().end(kFirst).reason, EndReason::kHalted)
      << this->events().end(kFirst).detail;
  EXPECT_EQ(this->events().end(kFirst).exit_status, 0);
}

TYPED_TEST_P(LauncherConformance, SecondLaunchFailsWithoutDisturbingTheFirst) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Launch(kSecond);
  ASSERT_TRUE(this->Await([&] { return this->events().ends(kSecond) > 0; }));
  this->world_->Settle();
  EXPECT_EQ(this->events().end(kSecond).reason, EndReason::kHostFault);
  EXPECT_EQ(this->events().ends(kFirst), 0);
}

TYPED_TEST_P(LauncherConformance, LaunchOfAnUnpreparedServiceEnds) {
  this->launcher().Launch(kFirst);
  ASSERT_TRUE(this->Await([&] { return this->events().ends(kFirst) > 0; }));
  EXPECT_FALSE(this->events().end(kFirst).detail.empty());
}

TYPED_TEST_P(LauncherConformance, ReclaimOfAnUnknownInstanceIsIgnored) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  const std::size_t before = this->events().ended.size();
  this->launcher().Reclaim(kSecond, Rung::kOff);
  this->launcher().Reclaim(InstanceId{ServiceId{77}, 1}, Rung::kOff);
  this->world_->Settle();
  EXPECT_EQ(this->events().ended.size(), before);
}

TYPED_TEST_P(LauncherConformance, ReclaimTwiceEndsOnce) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Reclaim(kFirst, Rung::kOff);
  this->ReclaimAndWait(kFirst);
  this->launcher().Reclaim(kFirst, Rung::kOff);
  this->world_->Settle();
  EXPECT_EQ(this->events().ends(kFirst), 1);
}

TYPED_TEST_P(LauncherConformance, ReclaimRightAfterLaunchEndsIt) {
  this->PrepareGood();
  this->launcher().Launch(kFirst);
  this->ReclaimAndWait(kFirst);
  this->world_->Settle();
  EXPECT_EQ(this->events().ends(kFirst), 1);
  EXPECT_EQ(this->events().end(kFirst).reason, EndReason::kReclaimed);
}

TYPED_TEST_P(LauncherConformance, ForgetEndsTheInstance) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Forget(kService);
  ASSERT_TRUE(this->Await([&] { return this->events().ends(kFirst) > 0; }));
  this->world_->Settle();
  EXPECT_EQ(this->events().ends(kFirst), 1);
  EXPECT_EQ(this->events().end(kFirst).reason, EndReason::kReclaimed);
}

TYPED_TEST_P(LauncherConformance, AForgottenServiceCanBePreparedAtOnce) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Forget(kService);
  this->PrepareGood();
  this->LaunchUntilReady(kSecond);
  EXPECT_EQ(this->events().ends(kFirst), 1);
}

TYPED_TEST_P(LauncherConformance, ABadImageFailsAndTheFormerOrderStands) {
  this->PrepareGood();
  const Status bad = this->PrepareAndWait(this->world_->Bad(kService));
  ASSERT_FALSE(bad.ok());
  EXPECT_FALSE(bad.error().message().empty());
  this->LaunchUntilReady(kFirst);
}

TYPED_TEST_P(LauncherConformance, RestatingDoesNotDisturbTheInstance) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->PrepareGood();
  this->world_->Settle();
  EXPECT_EQ(this->events().ends(kFirst), 0);
}

TYPED_TEST_P(LauncherConformance, APacketIsToldOnceForEachRest) {
  this->PrepareGood();
  this->world_->SendPacket(kService);
  ASSERT_TRUE(this->Await([&] { return !this->events().packets.empty(); }));
  this->world_->SendPacket(kService);
  this->world_->Settle();
  EXPECT_EQ(this->events().packets.size(), 1u);
  this->LaunchUntilReady(kFirst);
  this->world_->Settle();  // the guest reads what waited
  this->ReclaimAndWait(kFirst);
  this->world_->SendPacket(kService);
  ASSERT_TRUE(this->Await([&] { return this->events().packets.size() == 2; }));
}

TYPED_TEST_P(LauncherConformance, CallsBackOnlyFromTheLoop) {
  this->PrepareGood();
  const std::size_t before = this->events().told();
  this->launcher().Launch(kFirst);
  this->launcher().Launch(kSecond);
  this->launcher().Reclaim(kFirst, Rung::kOff);
  this->launcher().Prepare(kService, this->world_->Bad(kService));
  this->launcher().Forget(kService);
  EXPECT_EQ(this->events().told(), before);
}

TYPED_TEST_P(LauncherConformance, TheConsoleOfAnUnknownServiceIsEmpty) {
  int answers = 0;
  std::string text = "?";
  this->launcher().ReadConsole(ServiceId{77}, [&](std::string answer) {
    ++answers;
    text = std::move(answer);
  });
  EXPECT_EQ(answers, 0);
  ASSERT_TRUE(this->Await([&] { return answers > 0; }));
  EXPECT_EQ(text, "");
}

TYPED_TEST_P(LauncherConformance, WakesFromAPause) { this->WakesFromWhereItRests(Rung::kPaused); }

TYPED_TEST_P(LauncherConformance, WakesFromAPark) { this->WakesFromWhereItRests(Rung::kParked); }

TYPED_TEST_P(LauncherConformance, WakesFromAFile) { this->WakesFromWhereItRests(Rung::kSaved); }

TYPED_TEST_P(LauncherConformance, OffLeavesNothing) {
  this->RestAt(Rung::kOff);
  EXPECT_EQ(this->rest(), Rest());
  this->LaunchUntilReady(kSecond);
  EXPECT_EQ(this->WokenFrom(), Rung::kOff);
}

TYPED_TEST_P(LauncherConformance, WithoutSnapshotsNothingIsParkedOrSaved) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Reclaim(kFirst, Rung::kParked);
  ASSERT_TRUE(this->Await([&] { return this->events().ends(kFirst) > 0; }));
  EXPECT_EQ(this->rest(), Rest());
}

TYPED_TEST_P(LauncherConformance, ARestThatIsLoweredToOffIsToldAndBootsAgain) {
  this->RestAt(Rung::kPaused);
  if (this->HasFatalFailure()) return;
  if (this->rest().rung == Rung::kOff) GTEST_SKIP() << "it cannot rest above off";
  this->launcher().Lower(kService, Rung::kOff);
  ASSERT_TRUE(this->Await([&] { return !this->events().rests.empty(); }));
  EXPECT_EQ(this->events().rests.back(), std::pair(kService, Rest()));
  this->LaunchUntilReady(kSecond);
  EXPECT_EQ(this->WokenFrom(), Rung::kOff);
}

TYPED_TEST_P(LauncherConformance, LowerDoesNotDisturbAnInstance) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Lower(kService, Rung::kOff);
  this->launcher().Lower(ServiceId{77}, Rung::kOff);
  this->world_->Settle();
  EXPECT_EQ(this->events().ends(kFirst), 0);
  EXPECT_TRUE(this->events().rests.empty());
}

TYPED_TEST_P(LauncherConformance, ALowerRungMayBeAskedForAfterwards) {
  this->PrepareGood();
  this->LaunchUntilReady(kFirst);
  this->launcher().Reclaim(kFirst, Rung::kPaused);
  this->launcher().Reclaim(kFirst, Rung::kOff);
  ASSERT_TRUE(this->Await([&] { return this->events().ends(kFirst) > 0; }));
  this->world_->Settle();
  EXPECT_EQ(this->events().ends(kFirst), 1);
  this->LaunchUntilReady(kSecond);
}

TYPED_TEST_P(LauncherConformance, ARestOfAnotherMachineIsDropped) {
  this->RestAt(Rung::kPaused);
  if (this->HasFatalFailure()) return;
  LaunchOrder order = this->world_->Good(kService);
  order.snapshots = true;
  order.memory_mib *= 2;
  ASSERT_TRUE(this->PrepareAndWait(std::move(order)).ok());
  this->LaunchUntilReady(kSecond);
  EXPECT_EQ(this->WokenFrom(), Rung::kOff);
}

TYPED_TEST_P(LauncherConformance, ARestOfTheSameMachineIsKept) {
  this->RestAt(Rung::kPaused);
  if (this->HasFatalFailure()) return;
  LaunchOrder order = this->world_->Good(kService);
  order.snapshots = true;
  ASSERT_TRUE(this->PrepareAndWait(std::move(order)).ok());
  this->LaunchUntilReady(kSecond);
  EXPECT_EQ(this->WokenFrom(), this->rest().rung);
}

REGISTER_TYPED_TEST_SUITE_P(
    LauncherConformance, TellsTheAvailabilityOfBothKinds, ReachesReadyOnceAndEndsOnceWhenReclaimed,
    TellsStagesInOrderOfTime, LaunchesAgainAfterAnEnd, TellsAGuestThatEndsByItself,
    SecondLaunchFailsWithoutDisturbingTheFirst, LaunchOfAnUnpreparedServiceEnds,
    ReclaimOfAnUnknownInstanceIsIgnored, ReclaimTwiceEndsOnce, ReclaimRightAfterLaunchEndsIt,
    ForgetEndsTheInstance, AForgottenServiceCanBePreparedAtOnce,
    ABadImageFailsAndTheFormerOrderStands, RestatingDoesNotDisturbTheInstance,
    APacketIsToldOnceForEachRest, CallsBackOnlyFromTheLoop, TheConsoleOfAnUnknownServiceIsEmpty,
    WakesFromAPause, WakesFromAPark, WakesFromAFile, OffLeavesNothing,
    WithoutSnapshotsNothingIsParkedOrSaved, ARestThatIsLoweredToOffIsToldAndBootsAgain,
    LowerDoesNotDisturbAnInstance, ALowerRungMayBeAskedForAfterwards,
    ARestOfAnotherMachineIsDropped, ARestOfTheSameMachineIsKept);

}  // namespace summon::launcher
