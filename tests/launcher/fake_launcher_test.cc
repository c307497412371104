// SPDX-License-Identifier: Apache-2.0
// The fake keeps the port's promises, so tests that stand on it stand on something.
#include "tests/fakes/fake_launcher.h"

#include "tests/fakes/fake_clock.h"
#include "tests/launcher/conformance.h"

namespace summon::launcher {

namespace {

class FakeWorld {
 public:
  static std::string Missing() { return {}; }

  Launcher& launcher() { return launcher_; }
  Recorder& events() { return events_; }
  LaunchOrder Good(ServiceId) {
    launcher_.SetDefaultScript(fakes::FakeScript{});
    return Order("good.hvt");
  }
  LaunchOrder Halting(ServiceId) {
    fakes::FakeScript script;
    script.ends_after = std::chrono::milliseconds(2);
    launcher_.SetDefaultScript(script);
    return Order("good.hvt");
  }
  LaunchOrder Bad(ServiceId) { return Order(std::string(fakes::FakeLauncher::kBadImagePath)); }
  void SendPacket(ServiceId service) { launcher_.ReceivePacket(service); }
  bool Await(const std::function<bool()>& holds) {
    while (!holds()) {
      if (launcher_.NextDue() == kNever) return false;
      clock_.Set(std::max(clock_.Now(), launcher_.NextDue()));
      (void)launcher_.Pump();
    }
    return true;
  }
  void Settle() {
    (void)Await([] { return false; });
  }

 private:
  static LaunchOrder Order(std::string path) {
    LaunchOrder order;
    order.service = "fake";
    order.images.push_back(ImageFile{Kind::kKvm, UniqueFd(), std::move(path)});
    return order;
  }

  fakes::FakeClock clock_;
  Recorder events_;
  fakes::FakeLauncher launcher_{clock_, events_};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, LauncherConformance, FakeWorld);

TEST(FakeLauncher, AnUnavailableKindEndsLaunchesWithItsReason) {
  FakeWorld world;
  auto& fake = static_cast<fakes::FakeLauncher&>(world.launcher());
  fake.Prepare(kService, world.Good(kService));
  fake.SetAvailability(Kind::kKvm, Error(ErrorCode::kNotFound, "no /dev/kvm"));
  world.Settle();
  fake.Launch(kFirst);
  world.Settle();
  ASSERT_EQ(world.events().ends(kFirst), 1);
  EXPECT_EQ(world.events().end(kFirst).reason, EndReason::kUnavailable);
  EXPECT_EQ(world.events().end(kFirst).detail, "no /dev/kvm");
}

TEST(FakeLauncher, AKilledInstanceTellsNoMoreStages) {
  FakeWorld world;
  auto& fake = static_cast<fakes::FakeLauncher&>(world.launcher());
  fake.Prepare(kService, world.Good(kService));
  world.Settle();
  fake.Launch(kFirst);
  fake.Kill(kFirst, EndReport{.reason = EndReason::kMonitorDied});
  world.Settle();
  EXPECT_EQ(world.events().ends(kFirst), 1);
  EXPECT_TRUE(world.events().stages.empty());
}

void RestAt(FakeWorld& world, Rung rung) {
  LaunchOrder order = world.Good(kService);
  order.snapshots = true;
  world.launcher().Prepare(kService, std::move(order));
  world.Settle();
  world.launcher().Launch(kFirst);
  world.Settle();
  world.launcher().Reclaim(kFirst, rung);
  world.Settle();
}

TEST(FakeLauncher, RestsWhereItIsToldTo) {
  FakeWorld world;
  RestAt(world, Rung::kParked);
  ASSERT_EQ(world.events().ends(kFirst), 1);
  EXPECT_EQ(world.events().end(kFirst).rest.rung, Rung::kParked);
  EXPECT_GT(world.events().end(kFirst).rest.memory_bytes, 0u);
}

TEST(FakeLauncher, SavesWhatIsParkedWhenItIsLowered) {
  FakeWorld world;
  RestAt(world, Rung::kParked);
  world.launcher().Lower(kService, Rung::kSaved);
  world.Settle();
  ASSERT_EQ(world.events().rests.size(), 1u);
  EXPECT_EQ(world.events().rests[0].second.rung, Rung::kSaved);
  EXPECT_EQ(world.events().rests[0].second.memory_bytes, 0u);
}

TEST(FakeLauncher, ALostRestIsToldAndTheNextLaunchBoots) {
  FakeWorld world;
  RestAt(world, Rung::kPaused);
  static_cast<fakes::FakeLauncher&>(world.launcher()).LoseRest(kService);
  world.Settle();
  ASSERT_EQ(world.events().rests.size(), 1u);
  EXPECT_EQ(world.events().rests[0].second, Rest());
  world.launcher().Launch(kSecond);
  world.Settle();
  EXPECT_EQ(world.events().stages.back().second.from, Rung::kOff);
}

TEST(FakeLauncher, ADamagedRestBootsWithinTheSameLaunch) {
  FakeWorld world;
  RestAt(world, Rung::kSaved);
  auto& fake = static_cast<fakes::FakeLauncher&>(world.launcher());
  fakes::FakeScript script;
  script.wake_fails = true;
  fake.SetDefaultScript(script);
  fake.Launch(kSecond);
  world.Settle();
  EXPECT_TRUE(world.events().reached(kSecond, Stage::kReady));
  EXPECT_EQ(world.events().stages.back().second.from, Rung::kOff);
}

}  // namespace
}  // namespace summon::launcher
