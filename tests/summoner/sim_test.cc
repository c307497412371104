// SPDX-License-Identifier: Apache-2.0
// Ten thousand small worlds, and proof that a broken one is noticed.
//
// A failing seed is printed with the end of its log. SUMMON_SIM_SEED=N replays that seed alone and
// prints the whole log; SUMMON_SIM_COUNT=N tries that many seeds.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/strings.h"
#include "tests/summoner/sim_world.h"

namespace summon::summoner::sim {
namespace {

constexpr std::uint64_t kSeeds = 10'000;
constexpr std::size_t kLogTail = 60;

std::optional<std::uint64_t> FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::nullopt : std::optional(std::strtoull(text, nullptr, 10));
}

std::string Replay(std::uint64_t seed, std::size_t lines) {
  World world(seed, Sabotage::kNone, World::Log::kYes);
  const auto violation = world.Run();
  const auto& log = world.log();
  std::string text;
  for (std::size_t i = log.size() - std::min(lines, log.size()); i < log.size(); ++i) {
    text += log[i] + "\n";
  }
  if (!violation) return text + StrCat("seed ", seed, ": all is well\n");
  return text + StrCat("seed ", seed, ": broken: ", InvariantName(violation->invariant), ": ",
                       violation->detail, "\nreplay with SUMMON_SIM_SEED=", seed, "\n");
}

TEST(Simulation, EveryInvariantHoldsAfterEveryStepOfEverySeed) {
  if (const auto seed = FromEnvironment("SUMMON_SIM_SEED")) {
    World world(*seed, Sabotage::kNone, World::Log::kNo);
    const bool well = !world.Run();
    std::cout << Replay(*seed, SIZE_MAX);
    ASSERT_TRUE(well);
    return;
  }
  const std::uint64_t seeds = FromEnvironment("SUMMON_SIM_COUNT").value_or(kSeeds);
  std::uint64_t steps = 0;
  std::uint64_t launches = 0;
  std::uint64_t frames = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed, Sabotage::kNone, World::Log::kNo);
    ASSERT_FALSE(world.Run()) << Replay(seed, kLogTail);
    steps += world.steps();
    launches += world.counters().launches;
    frames += world.frames_served();
  }
  std::cout << seeds << " seeds, " << steps << " steps, " << launches << " launches, " << frames
            << " frames served\n";
}

TEST(Simulation, SameSeedGivesTheSameLife) {
  World first(42, Sabotage::kNone, World::Log::kYes);
  World second(42, Sabotage::kNone, World::Log::kYes);

  (void)first.Run();   // the logs are what matters
  (void)second.Run();

  EXPECT_EQ(first.log(), second.log());
  EXPECT_GT(first.log().size(), 50u);
}

// Every kind of thing happens often enough in a thousand seeds for its invariant to mean something.
TEST(Simulation, WorldsAreRichEnough) {
  Counters sum;
  std::uint64_t deferred = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    World world(seed, Sabotage::kNone, World::Log::kNo);
    (void)world.Run();  // the test above looks at the result
    const Counters& counters = world.counters();
    for (std::size_t i = 0; i < kReclaimReasons; ++i) sum.reclaims[i] += counters.reclaims[i];
    for (std::size_t i = 0; i < kRefuseReasons; ++i) sum.refusals[i] += counters.refusals[i];
    for (std::size_t i = 0; i < launcher::kRungs; ++i) {
      sum.wakes[i] += counters.wakes[i];
      sum.wake_fallbacks[i] += counters.wake_fallbacks[i];
      sum.rests_lost[i] += counters.rests_lost[i];
    }
    for (std::size_t i = 0; i < kReclaimReasons; ++i) sum.lowers[i] += counters.lowers[i];
    sum.adopted += counters.adopted;
    sum.events_stale += counters.events_stale;
    deferred += counters.deferred;
  }
  EXPECT_GT(sum.reclaims[static_cast<std::size_t>(ReclaimReason::kIdle)], 1000u);
  EXPECT_GT(sum.reclaims[static_cast<std::size_t>(ReclaimReason::kBudget)], 100u);
  EXPECT_GT(sum.reclaims[static_cast<std::size_t>(ReclaimReason::kNotReady)], 100u);
  EXPECT_GT(sum.reclaims[static_cast<std::size_t>(ReclaimReason::kRemoved)], 100u);
  EXPECT_GT(sum.refusals[static_cast<std::size_t>(RefuseReason::kBackoff)], 100u);
  EXPECT_GT(sum.refusals[static_cast<std::size_t>(RefuseReason::kUnavailable)], 100u);
  const auto each_above = [](const std::array<std::uint64_t, launcher::kRungs>& counts,
                             std::uint64_t bound) {
    return std::min({counts[0], counts[1], counts[2]}) > bound;
  };
  EXPECT_TRUE(each_above(sum.wakes, 150)) << testing::PrintToString(sum.wakes);
  EXPECT_TRUE(each_above(sum.wake_fallbacks, 0)) << testing::PrintToString(sum.wake_fallbacks);
  EXPECT_TRUE(each_above(sum.rests_lost, 5)) << testing::PrintToString(sum.rests_lost);
  EXPECT_GT(sum.lowers[static_cast<std::size_t>(ReclaimReason::kIdle)], 100u);
  EXPECT_GT(sum.lowers[static_cast<std::size_t>(ReclaimReason::kBudget)], 100u);
  EXPECT_GT(sum.lowers[static_cast<std::size_t>(ReclaimReason::kOperator)], 10u);
  EXPECT_GT(sum.adopted, 100u);
  EXPECT_GT(sum.events_stale, 100u);
  EXPECT_GT(deferred, 1000u);
}

struct Broken {
  Sabotage sabotage;
  Invariant noticed_as;
};

class BrokenWorld : public testing::TestWithParam<Broken> {};

// The first of a hundred seeds that notices anything notices what was broken.
TEST_P(BrokenWorld, IsNoticed) {
  std::optional<Violation> violation;
  for (std::uint64_t seed = 1; seed <= 100 && !violation; ++seed) {
    violation = World(seed, GetParam().sabotage, World::Log::kNo).Run();
  }

  ASSERT_TRUE(violation);
  EXPECT_EQ(InvariantName(violation->invariant), InvariantName(GetParam().noticed_as))
      << violation->detail;
}

INSTANTIATE_TEST_SUITE_P(
    Simulation, BrokenWorld,
    testing::Values(Broken{Sabotage::kSecondLaunch, Invariant::kOneInstance},
                    Broken{Sabotage::kLoseAnswer, Invariant::kWaiterOnce},
                    Broken{Sabotage::kAnswerTwice, Invariant::kWaiterOnce},
                    Broken{Sabotage::kReclaimEarly, Invariant::kLease},
                    Broken{Sabotage::kIgnoreBudget, Invariant::kBudget},
                    Broken{Sabotage::kIgnoreInFlight, Invariant::kInFlight},
                    Broken{Sabotage::kEndTwice, Invariant::kEndsOnce},
                    Broken{Sabotage::kGenerationBack, Invariant::kGenerations},
                    Broken{Sabotage::kMiscount, Invariant::kConservation},
                    Broken{Sabotage::kLaunchEarly, Invariant::kLaunchUnprepared},
                    Broken{Sabotage::kDropLaunch, Invariant::kView},
                    Broken{Sabotage::kLateTimer, Invariant::kWaiterInTime},
                    Broken{Sabotage::kStuckTimer, Invariant::kDeadline},
                    Broken{Sabotage::kFreeRests, Invariant::kView},
                    Broken{Sabotage::kLowerRunning, Invariant::kRests},
                    Broken{Sabotage::kDropLower, Invariant::kLiveness},
                    Broken{Sabotage::kDropPacket, Invariant::kLiveness},
                    Broken{Sabotage::kNeverReady, Invariant::kLiveness}));

}  // namespace
}  // namespace summon::summoner::sim
