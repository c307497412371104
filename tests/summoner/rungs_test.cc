// SPDX-License-Identifier: Apache-2.0
// Where services rest, what wakes them, and whose rest makes room.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "summoner/rung_choice.h"
#include "summoner/summoner.h"

namespace summon::summoner {
namespace {

using launcher::EndReason;
using launcher::Kind;
using launcher::Stage;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::uint64_t kGuestMib = 46;  // MiB of a guest; with overhead two fit into 100

Policy RestingAt(Rung rung) {
  Policy policy;
  policy.rest_at = rung;
  return policy;
}

Rest PausedWith(std::uint64_t mib) { return {Rung::kPaused, mib * kMib, 0}; }
Rest ParkedWith(std::uint64_t mib) { return {Rung::kParked, mib * kMib, 0}; }

// A summoner and the effects of its last call.
struct Room {
  explicit Room(std::uint64_t budget_mib = 1000)
      : summoner(Limits{.memory_budget_mib = budget_mib}) {}

  ServiceId Add(const Policy& policy, std::uint32_t memory_mib = kGuestMib) {
    ServiceSpec spec{.name = "web", .policy = policy, .memory_mib = memory_mib};
    spec.snapshots = true;
    spec.kinds = {true, false};
    const ServiceId id = *summoner.Add(spec, now, effects);
    summoner.OnPrepared(id, Ok(), now, effects);
    return id;
  }
  std::uint64_t Generation(ServiceId id) { return summoner.StatusOf(id)->generation; }
  void Packet(ServiceId id) {
    effects.clear();
    summoner.Request(id, {Trigger::kPacket, std::nullopt, now}, now, effects);
  }
  void BecomeReady(ServiceId id, Rung from = Rung::kOff) {
    effects.clear();
    summoner.OnStage({id, Generation(id)}, {Stage::kReady, now, Kind::kKvm, from}, now, effects);
  }
  void Advance(Duration by) {
    effects.clear();
    now += by;
    summoner.Advance(now, effects);
  }
  void EndAt(ServiceId id, const Rest& rest) {
    effects.clear();
    launcher::EndReport report;
    report.rest = rest;
    summoner.OnEnded({id, Generation(id)}, report, now, effects);
  }
  void TellRest(ServiceId id, const Rest& rest) {
    effects.clear();
    summoner.OnRest(id, rest, now, effects);
  }
  void Operator(ServiceId id, Rung rung) {
    effects.clear();
    summoner.ReclaimByOperator(id, rung, now, effects);
  }
  // Up, idle for long enough, and at rest.
  void BringToRest(ServiceId id, const Rest& rest) {
    Packet(id);
    BecomeReady(id);
    Advance(std::chrono::hours(1));
    EndAt(id, rest);
  }
  template <typename Wanted>
  std::vector<Wanted> All() const {
    std::vector<Wanted> found;
    for (const Effect& effect : effects) {
      if (const auto* wanted = std::get_if<Wanted>(&effect)) found.push_back(*wanted);
    }
    return found;
  }
  std::vector<Rung> ReclaimedTo() const {
    std::vector<Rung> rungs;
    for (const Reclaim& reclaim : All<Reclaim>()) rungs.push_back(reclaim.rung);
    return rungs;
  }
  std::vector<std::pair<ServiceId, Rung>> Lowered() const {
    std::vector<std::pair<ServiceId, Rung>> lowered;
    for (const Lower& lower : All<Lower>()) lowered.emplace_back(lower.service, lower.rung);
    return lowered;
  }
  Rest RestAt(ServiceId id) const { return summoner.StatusOf(id)->rest; }

  Instant now = InstantFromNanos(1'000'000'000'000);
  Effects effects;
  Summoner summoner;
};

// --- coming to rest and waking ---

TEST(Rungs, AnIdleInstanceComesToRestWherePolicySays) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.Packet(id);
  room.BecomeReady(id);
  room.Advance(std::chrono::hours(1));
  EXPECT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kParked));
}

TEST(Rungs, WhatRestsIsShownAndItsMemoryCounts) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.BringToRest(id, ParkedWith(12));
  EXPECT_EQ(room.RestAt(id), ParkedWith(12));
  EXPECT_EQ(room.summoner.memory_used_mib(), 12u);
  EXPECT_EQ(room.summoner.resting(Rung::kParked), 1u);
}

TEST(Rungs, APartOfAMibCountsAsAWholeOne) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.BringToRest(id, Rest{Rung::kParked, 1, 0});
  EXPECT_EQ(room.summoner.memory_used_mib(), 1u);
}

TEST(Rungs, AWakeTakesThePlaceOfTheRest) {
  Room room(kGuestMib + kInstanceOverheadMib);  // not a MiB more than the instance needs
  const ServiceId id = room.Add(RestingAt(Rung::kPaused));
  room.BringToRest(id, PausedWith(kGuestMib));
  room.Packet(id);
  EXPECT_EQ(room.All<Launch>().size(), 1u);
  EXPECT_EQ(room.RestAt(id), Rest());
  room.BecomeReady(id, Rung::kPaused);
  EXPECT_EQ(room.summoner.StatusOf(id)->last_summon.from, Rung::kPaused);
  EXPECT_EQ(room.summoner.counters().wakes[static_cast<std::size_t>(Rung::kPaused)], 1u);
}

TEST(Rungs, ARestThatCouldNotBeWokenIsCounted) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kSaved));
  room.BringToRest(id, Rest{Rung::kSaved, 0, kMib});
  room.Packet(id);
  room.BecomeReady(id, Rung::kOff);
  EXPECT_EQ(room.summoner.counters().wake_fallbacks[static_cast<std::size_t>(Rung::kSaved)], 1u);
}

TEST(Rungs, ALostRestIsCountedAndTheServiceIsOff) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.BringToRest(id, ParkedWith(12));
  room.TellRest(id, Rest());
  EXPECT_EQ(room.RestAt(id), Rest());
  EXPECT_EQ(room.summoner.memory_used_mib(), 0u);
  EXPECT_EQ(room.summoner.counters().rests_lost[static_cast<std::size_t>(Rung::kParked)], 1u);
}

TEST(Rungs, ARestThatCrossesWithALaunchIsIgnored) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.BringToRest(id, ParkedWith(12));
  room.Packet(id);
  room.TellRest(id, Rest());
  EXPECT_EQ(room.summoner.StatusOf(id)->phase, PhaseKind::kSummoning);
  EXPECT_EQ(room.summoner.counters().events_stale, 1u);
}

TEST(Rungs, WhatRestedBeforeARestartIsTakenOver) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.TellRest(id, ParkedWith(12));
  EXPECT_EQ(room.RestAt(id), ParkedWith(12));
  EXPECT_EQ(room.summoner.memory_used_mib(), 12u);
}

TEST(Rungs, ARemovedServiceGivesBackWhatItsRestHolds) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kParked));
  room.BringToRest(id, ParkedWith(12));
  room.effects.clear();
  room.summoner.Remove(id, room.now, room.effects);
  EXPECT_EQ(room.All<Forget>().size(), 1u);
  EXPECT_EQ(room.summoner.memory_used_mib(), 0u);
  EXPECT_EQ(room.summoner.resting(Rung::kParked), 0u);
}

// --- descending ---

TEST(Rungs, ARestDescendsAfterItsTime) {
  Room room;
  Policy policy = RestingAt(Rung::kParked);
  policy.descend_after[static_cast<std::size_t>(Rung::kSaved)] = seconds(60);
  const ServiceId id = room.Add(policy);
  room.BringToRest(id, ParkedWith(12));
  room.Advance(seconds(59));
  EXPECT_THAT(room.Lowered(), IsEmpty());
  room.Advance(seconds(1));
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(id, Rung::kSaved)));
  EXPECT_EQ(room.summoner.NextDeadline(), kNever);
}

TEST(Rungs, TheTimeOfADescentCountsFromTheBeginningOfTheRest) {
  Room room;
  Policy policy = RestingAt(Rung::kParked);
  policy.descend_after[static_cast<std::size_t>(Rung::kSaved)] = seconds(60);
  policy.descend_after[static_cast<std::size_t>(Rung::kOff)] = seconds(90);
  const ServiceId id = room.Add(policy);
  room.BringToRest(id, ParkedWith(12));
  room.Advance(seconds(60));
  room.TellRest(id, Rest{Rung::kSaved, 0, kMib});
  room.Advance(seconds(30));
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(id, Rung::kOff)));
}

TEST(Rungs, ALowerThatNobodyHeardIsAskedForAgain) {
  Room room;
  Policy policy = RestingAt(Rung::kParked);
  policy.descend_after[static_cast<std::size_t>(Rung::kOff)] = seconds(60);
  const ServiceId id = room.Add(policy);
  room.BringToRest(id, ParkedWith(12));
  room.Advance(seconds(60));
  room.effects.clear();
  room.summoner.LauncherLost("gone", room.now, room.effects);
  room.Advance(seconds(1));
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(id, Rung::kOff)));
}

// --- room for others ---

TEST(Rungs, WhatRestsMakesRoomBeforeWhatRuns) {
  Room room(100);
  const ServiceId rests = room.Add(RestingAt(Rung::kPaused));
  const ServiceId runs = room.Add(RestingAt(Rung::kPaused));
  const ServiceId wants = room.Add(RestingAt(Rung::kPaused));
  room.BringToRest(rests, PausedWith(kGuestMib));
  room.Packet(runs);
  room.BecomeReady(runs);
  room.Advance(seconds(60));  // its lease is over: it could be taken, too
  room.Packet(wants);
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(rests, Rung::kSaved)));
  EXPECT_THAT(room.ReclaimedTo(), IsEmpty());
  room.TellRest(rests, Rest());
  EXPECT_EQ(room.All<Launch>().size(), 1u);
}

TEST(Rungs, AnInstanceThatMakesRoomRestsWithoutMemory) {
  Room room(100);
  const ServiceId first = room.Add(RestingAt(Rung::kPaused));
  const ServiceId second = room.Add(RestingAt(Rung::kPaused));
  const ServiceId wants = room.Add(RestingAt(Rung::kPaused));
  room.Packet(first);
  room.BecomeReady(first);
  room.Packet(second);
  room.BecomeReady(second);
  room.Advance(seconds(60));
  room.Packet(wants);
  EXPECT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kSaved));
}

TEST(Rungs, ASmallerBudgetLowersWhatRests) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kPaused));
  room.BringToRest(id, PausedWith(kGuestMib));
  room.effects.clear();
  room.summoner.SetLimits({.memory_budget_mib = 20}, room.now, room.effects);
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(id, Rung::kSaved)));
}

// --- operators ---

TEST(Rungs, AnOperatorChoosesTheRung) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kOff));
  room.Packet(id);
  room.BecomeReady(id);
  room.Operator(id, Rung::kParked);
  EXPECT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kParked));
}

TEST(Rungs, AnOperatorLowersWhatRests) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kPaused));
  room.BringToRest(id, PausedWith(kGuestMib));
  room.Operator(id, Rung::kOff);
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(id, Rung::kOff)));
}

TEST(Rungs, AnOperatorIsObeyedAlsoWhileTheInstanceIsOnItsWay) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kPaused));
  room.Packet(id);
  room.BecomeReady(id);
  room.Advance(std::chrono::hours(1));
  room.Operator(id, Rung::kOff);
  EXPECT_THAT(room.ReclaimedTo(), IsEmpty());
  room.EndAt(id, PausedWith(kGuestMib));
  EXPECT_THAT(room.Lowered(), ElementsAre(std::pair(id, Rung::kOff)));
}

TEST(Rungs, AnInstanceThatIsNotReadyIsNotKept) {
  Room room;
  const ServiceId id = room.Add(RestingAt(Rung::kPaused));
  room.Packet(id);
  room.Operator(id, Rung::kPaused);
  EXPECT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kOff));
}

// --- OnIdle::kAuto ---

RungFact Wakes(Duration took) { return {.reachable = true, .wake = took}; }

TEST(RungChoice, TakesTheCheapestRungThatIsFastEnough) {
  const RungFacts facts{Wakes(milliseconds(1)), Wakes(milliseconds(2)), Wakes(milliseconds(5)),
                        Wakes(milliseconds(90))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(100)), Rung::kOff);
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(6)), Rung::kSaved);
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(3)), Rung::kParked);
}

TEST(RungChoice, TheServicesOwnTimeCounts) {
  const RungFacts facts{Wakes(milliseconds(1)), Wakes(milliseconds(2)), Wakes(milliseconds(5)),
                        Wakes(milliseconds(90))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(4), milliseconds(6)), Rung::kParked);
}

TEST(RungChoice, WhenNoneIsFastEnoughTheFastestIsTaken) {
  const RungFacts facts{Wakes(milliseconds(3)), Wakes(milliseconds(2)), Wakes(milliseconds(5)),
                        Wakes(milliseconds(90))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(1)), Rung::kParked);
}

TEST(RungChoice, NothingMeasuredTriesTheWarmest) {
  EXPECT_EQ(ChooseRung({}, milliseconds(1), milliseconds(50)), Rung::kPaused);
}

TEST(RungChoice, TriesTheNextRungOnceTheWarmerOnesAreFastEnough) {
  const RungFacts facts{Wakes(milliseconds(1)), RungFact{}, RungFact{}, Wakes(milliseconds(90))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(50)), Rung::kParked);
}

TEST(RungChoice, TriesNothingBelowARungThatIsTooSlow) {
  const RungFacts facts{Wakes(milliseconds(1)), Wakes(milliseconds(70)), RungFact{},
                        Wakes(milliseconds(90))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(50)), Rung::kPaused);
}

TEST(RungChoice, ABootThatIsFastEnoughNeedsNoTrial) {
  const RungFacts facts{RungFact{}, RungFact{}, RungFact{}, Wakes(milliseconds(9))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(50)), Rung::kOff);
}

TEST(RungChoice, LeavesOutWhatTheServiceDoesNotReach) {
  RungFacts facts{Wakes(milliseconds(1)), RungFact{.reachable = false, .wake = {}},
                  RungFact{.reachable = false, .wake = {}}, Wakes(milliseconds(90))};
  EXPECT_EQ(ChooseRung(facts, milliseconds(1), milliseconds(50)), Rung::kPaused);
}

TEST(RungChoice, AMedianIsNotMovedByOneAccident) {
  FirstByteTimes times;
  EXPECT_EQ(times.MedianOr(milliseconds(7)), milliseconds(7));
  times.Add(milliseconds(2));
  times.Add(milliseconds(900));
  times.Add(milliseconds(1));
  EXPECT_EQ(times.MedianOr(milliseconds(7)), milliseconds(2));
}

TEST(Rungs, AutoAsksForWhatIsMeasured) {
  Room room;
  Policy policy;
  policy.on_idle = OnIdle::kAuto;
  policy.first_byte_slo = milliseconds(10);
  const ServiceId id = room.Add(policy);
  const auto measured = [&room](Rung rung, Duration took) {
    room.summoner.OnRungMeasured(
        {.kind = Kind::kKvm, .rung = rung, .samples = kRungSamplesMin, .wake_p50 = took});
  };
  measured(Rung::kOff, milliseconds(40));
  measured(Rung::kPaused, milliseconds(1));
  measured(Rung::kParked, milliseconds(3));
  measured(Rung::kSaved, milliseconds(20));
  room.Packet(id);
  room.BecomeReady(id);
  room.Advance(std::chrono::hours(1));
  EXPECT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kParked));
}

TEST(Rungs, AutoLearnsThatARungIsOutOfReach) {
  Room room;
  Policy policy;
  policy.on_idle = OnIdle::kAuto;
  policy.first_byte_slo = milliseconds(10);
  const ServiceId id = room.Add(policy);
  room.Packet(id);
  room.BecomeReady(id);
  room.Advance(std::chrono::hours(1));
  ASSERT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kPaused));  // tried: nothing is measured
  room.EndAt(id, Rest());
  room.Packet(id);
  room.BecomeReady(id);
  room.Advance(std::chrono::hours(1));
  EXPECT_THAT(room.ReclaimedTo(), ElementsAre(Rung::kParked));
}

}  // namespace
}  // namespace summon::summoner
