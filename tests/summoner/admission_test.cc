// SPDX-License-Identifier: Apache-2.0
// Memory, places, and whose instance has to go.

#include "summoner/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace summon::summoner {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ServiceId kFirst{1};
constexpr ServiceId kSecond{2};
constexpr ServiceId kThird{3};

Instant At(std::int64_t seconds) { return InstantFromNanos(seconds * 1'000'000'000); }

TEST(AdmissionControl, CountsMemoryUntilTheInstanceIsAtRest) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share share;
  control.Update(kFirst, share, {PhaseKind::kReclaiming, 60, kNever, true});
  EXPECT_FALSE(control.FitsInPlaceOf({}, 41));
  control.Update(kFirst, share, {PhaseKind::kAsleep, 0, kNever, false});
  EXPECT_TRUE(control.FitsInPlaceOf({}, 100));
}

TEST(AdmissionControl, BoundsSummonsInFlight) {
  AdmissionControl control(100, 1);
  AdmissionControl::Share share;
  control.Update(kFirst, share, {PhaseKind::kSummoning, 10, kNever, false});
  EXPECT_FALSE(control.FitsInPlaceOf({}, 10));
  control.Update(kFirst, share, {PhaseKind::kReady, 10, kNever, false});
  EXPECT_TRUE(control.FitsInPlaceOf({}, 10));
}

TEST(AdmissionControl, ReclaimsTheLeastRecentlyUsedFirst) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, {PhaseKind::kReady, 50, At(20), false});
  control.Update(kSecond, second, {PhaseKind::kReady, 50, At(10), false});
  std::vector<ServiceId> victims;
  EXPECT_TRUE(control.MakeRoom(kThird, {}, 30, At(30), victims));
  EXPECT_THAT(victims, ElementsAre(kSecond));
}

TEST(AdmissionControl, ReclaimsNobodyWhenItWouldNotSuffice) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, {PhaseKind::kReady, 50, At(20), false});
  control.Update(kSecond, second, {PhaseKind::kReady, 50, At(10), false});
  std::vector<ServiceId> victims;
  EXPECT_FALSE(control.MakeRoom(kThird, {}, 80, At(15), victims));
  EXPECT_THAT(victims, IsEmpty());
  EXPECT_EQ(control.NextVictimAfter(At(15)), At(20));
}

TEST(AdmissionControl, WaitsForWhatIsBeingReclaimedAlready) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, {PhaseKind::kReclaiming, 50, kNever, true});
  control.Update(kSecond, second, {PhaseKind::kReady, 50, At(10), false});
  std::vector<ServiceId> victims;
  EXPECT_TRUE(control.MakeRoom(kThird, {}, 50, At(30), victims));
  EXPECT_THAT(victims, IsEmpty());
}

TEST(AdmissionControl, TakesFromWhatRestsBeforeWhatRuns) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share runs;
  AdmissionControl::Share rests;
  control.Update(kFirst, runs, {PhaseKind::kReady, 50, At(10), false});
  control.Update(kSecond, rests, {PhaseKind::kAsleep, 40, At(20), false});
  std::vector<ServiceId> victims;
  EXPECT_TRUE(control.MakeRoom(kThird, {}, 50, At(30), victims));
  EXPECT_THAT(victims, ElementsAre(kSecond));
}

TEST(AdmissionControl, WakesInPlaceOfItsOwnRest) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share rests;
  control.Update(kFirst, rests, {PhaseKind::kAsleep, 90, At(10), false});
  EXPECT_TRUE(control.FitsInPlaceOf(rests, 100));
  std::vector<ServiceId> victims;
  EXPECT_TRUE(control.MakeRoom(kFirst, rests, 100, At(30), victims));
  EXPECT_THAT(victims, IsEmpty());
}

TEST(AdmissionControl, NamesTheRestsThatASmallerBudgetDoesNotHave) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, {PhaseKind::kAsleep, 40, At(20), false});
  control.Update(kSecond, second, {PhaseKind::kAsleep, 40, At(10), false});
  EXPECT_THAT(control.RestsBeyondBudget(), IsEmpty());
  control.SetLimits(50, 10);
  EXPECT_THAT(control.RestsBeyondBudget(), ElementsAre(kSecond));
}

}  // namespace
}  // namespace summon::summoner
