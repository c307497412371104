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

Instant At(std::int64_t seconds) { return InstantFromNanos(seconds * 1'000'000'000); }

TEST(AdmissionControl, CountsMemoryUntilTheInstanceIsAtRest) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share share;
  control.Update(kFirst, share, PhaseKind::kReclaiming, 60, kNever);
  EXPECT_FALSE(control.Fits(41));
  control.Update(kFirst, share, PhaseKind::kAsleep, 0, kNever);
  EXPECT_TRUE(control.Fits(100));
}

TEST(AdmissionControl, BoundsSummonsInFlight) {
  AdmissionControl control(100, 1);
  AdmissionControl::Share share;
  control.Update(kFirst, share, PhaseKind::kSummoning, 10, kNever);
  EXPECT_FALSE(control.Fits(10));
  control.Update(kFirst, share, PhaseKind::kReady, 10, kNever);
  EXPECT_TRUE(control.Fits(10));
}

TEST(AdmissionControl, ReclaimsTheLeastRecentlyUsedFirst) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, PhaseKind::kReady, 50, At(20));
  control.Update(kSecond, second, PhaseKind::kReady, 50, At(10));
  std::vector<ServiceId> victims;
  EXPECT_TRUE(control.MakeRoom(30, At(30), victims));
  EXPECT_THAT(victims, ElementsAre(kSecond));
}

TEST(AdmissionControl, ReclaimsNobodyWhenItWouldNotSuffice) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, PhaseKind::kReady, 50, At(20));
  control.Update(kSecond, second, PhaseKind::kReady, 50, At(10));
  std::vector<ServiceId> victims;
  EXPECT_FALSE(control.MakeRoom(80, At(15), victims));
  EXPECT_THAT(victims, IsEmpty());
  EXPECT_EQ(control.NextVictimAfter(At(15)), At(20));
}

TEST(AdmissionControl, WaitsForWhatIsBeingReclaimedAlready) {
  AdmissionControl control(100, 10);
  AdmissionControl::Share first;
  AdmissionControl::Share second;
  control.Update(kFirst, first, PhaseKind::kReclaiming, 50, kNever);
  control.Update(kSecond, second, PhaseKind::kReady, 50, At(10));
  std::vector<ServiceId> victims;
  EXPECT_TRUE(control.MakeRoom(50, At(30), victims));
  EXPECT_THAT(victims, IsEmpty());
}

}  // namespace
}  // namespace summon::summoner
