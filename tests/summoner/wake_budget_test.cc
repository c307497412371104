// SPDX-License-Identifier: Apache-2.0
// Which lookups may boot: budgets, proof, cool-down.
#include "summoner/wake_budget.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace summon::summoner {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kStart = InstantFromNanos(1'000'000'000'000);
constexpr std::uint64_t kPrefix = 0x1234'5678'9abc'def0;

ServiceId Number(std::uint32_t number) { return ServiceId{number}; }

struct Bench {
  explicit Bench(const WakeLimits& limits = {}) : budget(limits) {}

  // Each lookup is for another service from another network, unless told otherwise.
  WakeVerdict Ask(Proof proof = Proof::kProven) { return From(next_prefix += 2, proof); }
  WakeVerdict From(std::uint64_t prefix, Proof proof = Proof::kProven) {
    return For(Number(next_service++), prefix, proof);
  }
  WakeVerdict For(ServiceId service, std::uint64_t prefix = kPrefix,
                  Proof proof = Proof::kProven) {
    return budget.Decide({service, prefix, proof}, load, now);
  }
  int Boots(int count, Proof proof = Proof::kProven) {
    int boots = 0;
    for (int i = 0; i < count; ++i) boots += Ask(proof) == WakeVerdict::kBoot ? 1 : 0;
    return boots;
  }

  WakeBudget budget;
  WakeBudget::Load load;
  Instant now = kStart;
  std::uint64_t next_prefix = 1'000'000;
  std::uint32_t next_service = 1'000;
};

TEST(WakeBudget, ABurstThenTheRate) {
  Bench bench;
  EXPECT_EQ(bench.Boots(100), 8);
  EXPECT_EQ(bench.Ask(), WakeVerdict::kRate);
  bench.now += seconds(10);
  EXPECT_EQ(bench.Boots(100), 8);  // never more than the burst
  bench.now += seconds(1);
  EXPECT_EQ(bench.Boots(100), 2);
}

TEST(WakeBudget, NothingIsRoundedAwayByAskingOften) {
  Bench bench;
  (void)bench.Boots(100);
  int boots = 0;
  for (int i = 0; i < 1'000; ++i) {  // 10 s
    bench.now += milliseconds(10);
    boots += bench.Boots(1);
  }
  EXPECT_EQ(boots, 20);
}

TEST(WakeBudget, BootsInFlightAreBounded) {
  Bench bench;
  bench.load.in_flight = 4;
  EXPECT_EQ(bench.Ask(), WakeVerdict::kInFlight);
  bench.load.in_flight = 3;
  EXPECT_EQ(bench.Ask(), WakeVerdict::kBoot);
}

TEST(WakeBudget, AFullQueueIsNotMadeLonger) {
  Bench bench;
  bench.load.queued = 64;
  EXPECT_EQ(bench.Ask(), WakeVerdict::kInFlight);
}

TEST(WakeBudget, ANetworkHasThreeBootsInTenSeconds) {
  Bench bench;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.From(kPrefix), WakeVerdict::kBoot);
  EXPECT_EQ(bench.From(kPrefix), WakeVerdict::kPrefixRate);
  EXPECT_EQ(bench.Ask(), WakeVerdict::kBoot) << "another network";
  bench.now += milliseconds(3'400);
  EXPECT_EQ(bench.From(kPrefix), WakeVerdict::kBoot);
  EXPECT_EQ(bench.From(kPrefix), WakeVerdict::kPrefixRate);
}

TEST(WakeBudget, ANetworkHasTwentyServicesInAnHour) {
  Bench bench;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(bench.For(Number(i)), WakeVerdict::kBoot) << i;
    bench.now += seconds(60);
  }
  EXPECT_EQ(bench.For(Number(20)), WakeVerdict::kPrefixHour);
  EXPECT_EQ(bench.For(Number(3)), WakeVerdict::kBoot) << "one of the twenty";
  bench.now += minutes(41);
  EXPECT_EQ(bench.For(Number(20)), WakeVerdict::kBoot) << "the hour is over";
}

TEST(WakeBudget, AServiceCoolsDownLongerAfterEachBootInVain) {
  Bench bench;
  const ServiceId service = Number(1);
  EXPECT_EQ(bench.For(service), WakeVerdict::kBoot);
  bench.now += milliseconds(9'999);
  EXPECT_EQ(bench.For(service), WakeVerdict::kCoolDown);
  bench.now += milliseconds(1);
  EXPECT_EQ(bench.For(service), WakeVerdict::kBoot);
  bench.now += milliseconds(19'999);
  EXPECT_EQ(bench.For(service), WakeVerdict::kCoolDown);
  bench.now += milliseconds(1);
  EXPECT_EQ(bench.For(service), WakeVerdict::kBoot);
}

TEST(WakeBudget, AServiceThatIsUsedRestsForTheIntervalOnly) {
  Bench bench;
  const ServiceId service = Number(1);
  (void)bench.For(service);
  bench.now += seconds(10);
  (void)bench.For(service);
  bench.budget.OnUsed(service);
  bench.now += milliseconds(4'999);
  EXPECT_EQ(bench.For(service), WakeVerdict::kCoolDown);
  bench.now += milliseconds(1);
  EXPECT_EQ(bench.For(service), WakeVerdict::kBoot);
}

TEST(WakeBudget, TheCoolDownHasAnEnd) {
  Bench bench;
  const ServiceId service = Number(1);
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(bench.For(service), WakeVerdict::kBoot) << i;
    bench.now += minutes(10);
  }
}

TEST(WakeBudget, WhoIsUnprovenIsAskedOnceAndThenAnswered) {
  Bench bench;
  EXPECT_EQ(bench.For(Number(1), kPrefix, Proof::kNone), WakeVerdict::kProve);
  EXPECT_EQ(bench.For(Number(1), kPrefix, Proof::kNone), WakeVerdict::kUnproven);
  EXPECT_EQ(bench.For(Number(1), kPrefix, Proof::kProven), WakeVerdict::kBoot);
}

TEST(WakeBudget, EachServiceAsksForItselfAndAgainLater) {
  Bench bench;
  EXPECT_EQ(bench.For(Number(1), kPrefix, Proof::kNone), WakeVerdict::kProve);
  EXPECT_EQ(bench.For(Number(2), kPrefix, Proof::kNone), WakeVerdict::kProve);
  bench.now += seconds(10);
  EXPECT_EQ(bench.For(Number(1), kPrefix, Proof::kNone), WakeVerdict::kProve);
}

TEST(WakeBudget, UnderAFloodNobodyBootsUnproven) {
  Bench bench;
  EXPECT_EQ(bench.Boots(100'000, Proof::kNone), 0);
  EXPECT_EQ(bench.Ask(Proof::kProven), WakeVerdict::kBoot);
  EXPECT_EQ(bench.Ask(Proof::kSeen), WakeVerdict::kBoot);
}

TEST(WakeBudget, WithProofUnderPressureAQuietTimeBootsAnybody) {
  Bench bench({.proof = ProofPolicy::kUnderPressure});
  EXPECT_EQ(bench.Ask(Proof::kNone), WakeVerdict::kBoot);
}

// A quarter of the burst is left; then the flood itself keeps the pressure up.
TEST(WakeBudget, WithProofUnderPressureAFloodBootsAFewAtItsBeginning) {
  Bench bench({.proof = ProofPolicy::kUnderPressure});
  EXPECT_EQ(bench.Boots(1'000, Proof::kNone), 6);
  for (int i = 0; i < 600; ++i) {
    bench.now += milliseconds(100);
    EXPECT_EQ(bench.Boots(100, Proof::kNone), 0);
  }
  EXPECT_TRUE(bench.budget.UnderPressure(bench.now));
  EXPECT_EQ(bench.Ask(Proof::kProven), WakeVerdict::kBoot);
  bench.now += seconds(11);
  EXPECT_FALSE(bench.budget.UnderPressure(bench.now));
  EXPECT_EQ(bench.Ask(Proof::kNone), WakeVerdict::kBoot);
}

TEST(WakeBudget, AQueueThatIsHalfFullIsPressure) {
  Bench bench({.proof = ProofPolicy::kUnderPressure});
  bench.load.queued = 33;
  EXPECT_EQ(bench.Ask(Proof::kNone), WakeVerdict::kProve);
  EXPECT_EQ(bench.Ask(Proof::kProven), WakeVerdict::kBoot);
}

TEST(WakeBudget, ANetworkThatProvedItselfIsRememberedForADay) {
  Bench bench;
  EXPECT_FALSE(bench.budget.HasProven(kPrefix, bench.now));
  bench.budget.NoteProven(kPrefix, bench.now);
  bench.now += std::chrono::hours(24) - seconds(1);
  EXPECT_TRUE(bench.budget.HasProven(kPrefix, bench.now));
  bench.now += seconds(1);
  EXPECT_FALSE(bench.budget.HasProven(kPrefix, bench.now));
}

TEST(WakeBudget, ALowerBurstHoldsAtOnce) {
  Bench bench;
  (void)bench.Ask();
  bench.budget.SetLimits({.boots_burst = 1});
  EXPECT_EQ(bench.Boots(100), 1);
}

// For any row of lookups, whatever the clock does: in any stretch of time that only goes on, no
// more boots than the burst and what the rate gives.
TEST(WakeBudget, NeverExceedsItsRateOverAnyStretchOfTime) {
  std::mt19937_64 random(7);
  WakeLimits limits;
  limits.service_interval = Duration(0);
  for (int round = 0; round < 50; ++round) {
    limits.boots_per_second = static_cast<std::uint32_t>(random() % 20);
    limits.boots_burst = static_cast<std::uint32_t>(1 + random() % 20);
    limits.in_flight_max = 1'000;
    Bench bench(limits);
    Instant furthest = bench.now;
    std::deque<Instant> booted;  // by the furthest time that was ever seen
    if (bench.Ask() == WakeVerdict::kBoot) booted.push_back(furthest);
    for (int i = 0; i < 2'000; ++i) {
      const auto step = Duration(static_cast<std::int64_t>(random() % 300'000'000));
      bench.now += random() % 4 == 0 ? -step : step;
      furthest = std::max(furthest, bench.now);
      if (bench.Ask() == WakeVerdict::kBoot) booted.push_back(furthest);
    }
    for (std::size_t from = 0; from < booted.size(); from += 7) {
      for (std::size_t to = from; to < booted.size(); to += 5) {
        const auto allowed =
            limits.boots_burst +
            std::chrono::duration<double>(booted[to] - booted[from]).count() *
                limits.boots_per_second;
        ASSERT_LE(static_cast<double>(to - from + 1), allowed + 1e-6) << round;
      }
    }
  }
}

// Extremes of time and limits neither overflow (the sanitizers say so) nor lock anybody out.
TEST(WakeBudget, LivesWithExtremes) {
  Bench bench({.boots_per_second = 10'000, .boots_burst = 10'000, .prefix_boots = 10'000,
               .prefix_window = std::chrono::hours(24),
               .cool_down_max = std::chrono::hours(24 * 365)});
  bench.now = Instant{};
  EXPECT_EQ(bench.Ask(), WakeVerdict::kBoot);
  bench.now = kNever - Duration(1);
  EXPECT_EQ(bench.Ask(), WakeVerdict::kBoot);
  bench.now = Instant{};
  EXPECT_EQ(bench.Ask(), WakeVerdict::kBoot);
}

TEST(KeyedCache, KeepsWhatIsUsedAndForgetsTheOldest) {
  KeyedCache<int> cache(4);
  for (int i = 0; i < 4; ++i) cache.FindOrMake(2u * static_cast<unsigned>(i) + 2, kStart) = i + 1;
  EXPECT_EQ(*cache.Find(2, kStart + seconds(1)), 1);
  cache.FindOrMake(100, kStart + seconds(2)) = 9;
  EXPECT_EQ(*cache.Find(2, kStart + seconds(3)), 1);
  EXPECT_EQ(*cache.Find(100, kStart + seconds(3)), 9);
  int left = 0;
  for (int i = 1; i < 4; ++i) {
    left += cache.Find(2u * static_cast<unsigned>(i) + 2, kStart) != nullptr ? 1 : 0;
  }
  EXPECT_EQ(left, 2);
}

}  // namespace
}  // namespace summon::summoner
