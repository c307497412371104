// SPDX-License-Identifier: Apache-2.0
// Every row of the table in docs/state-machine.md, and the races that a stop and a query can run.

#include "summoner/service_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace summon::summoner {
namespace {

using launcher::EndReason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr ServiceId kService{7};
const Instant kStart = InstantFromNanos(1'000'000'000'000);

Policy HoldingPolicy() {
  Policy policy;
  policy.answer = AnswerMode::kWhenReady;
  return policy;
}

// One service; remembers its state, and collects what each event had done.
struct Machine {
  Policy policy;
  ServiceState state{.service = kService};
  Instant now = kStart;
  Effects effects;

  void Do(const Event& event) {
    effects.clear();
    state = Step(std::move(state), event, policy, now, effects);
  }
  void Dns(std::uint64_t waiter, Admission admission = Admission::kGranted) {
    Do(Requested{Trigger::kDns, Asker{WaiterId{waiter}, Patience::kByPolicy, kNever}, admission,
                 Parking::kAllowed});
  }
  void Packet(Admission admission = Admission::kGranted) {
    Do(Requested{Trigger::kPacket, std::nullopt, admission, Parking::kAllowed});
  }
  void Person(std::uint64_t waiter, Instant until, Admission admission = Admission::kGranted) {
    Do(Requested{Trigger::kApi, Asker{WaiterId{waiter}, Patience::kUntilReady, until}, admission,
                 Parking::kAllowed});
  }
  void End(std::uint64_t generation, EndReason reason = EndReason::kMonitorDied,
           Admission admission = Admission::kGranted) {
    Do(Ended{generation, reason, "why", admission});
  }
  void TickAt(Instant when) {
    now = when;
    Do(Tick{});
  }
  void BringUp() {
    Dns(1);
    Do(BecameReady{1});
  }
  // Ready, idle, and on its way down.
  void BringDown() {
    BringUp();
    TickAt(NextDeadline(state, policy));
  }

  PhaseKind phase() const { return KindOf(state.phase); }
  template <typename Wanted>
  std::vector<Wanted> All() const {
    std::vector<Wanted> found;
    for (const Effect& effect : effects) {
      if (const auto* wanted = std::get_if<Wanted>(&effect)) found.push_back(*wanted);
    }
    return found;
  }
  std::vector<std::uint64_t> Launches() const {
    std::vector<std::uint64_t> generations;
    for (const Launch& launch : All<Launch>()) generations.push_back(launch.instance.generation);
    return generations;
  }
  std::vector<std::uint64_t> Reclaims() const {
    std::vector<std::uint64_t> generations;
    for (const Reclaim& one : All<Reclaim>()) generations.push_back(one.instance.generation);
    return generations;
  }
  std::vector<std::pair<std::uint64_t, AnswerReason>> Answers() const {
    std::vector<std::pair<std::uint64_t, AnswerReason>> answers;
    for (const Answer& answer : All<Answer>()) {
      answers.emplace_back(static_cast<std::uint64_t>(answer.waiter), answer.reason);
    }
    return answers;
  }
  std::vector<std::pair<std::uint64_t, RefuseReason>> Refusals() const {
    std::vector<std::pair<std::uint64_t, RefuseReason>> refusals;
    for (const Refuse& refuse : All<Refuse>()) {
      refusals.emplace_back(static_cast<std::uint64_t>(refuse.waiter), refuse.reason);
    }
    return refusals;
  }
};

std::pair<std::uint64_t, AnswerReason> Got(std::uint64_t waiter, AnswerReason reason) {
  return {waiter, reason};
}
std::pair<std::uint64_t, RefuseReason> Got(std::uint64_t waiter, RefuseReason reason) {
  return {waiter, reason};
}

// --- asleep ---

TEST(ServiceMachine, QueryWhileAsleepLaunchesAndIsAnsweredAtOnce) {
  Machine machine;
  machine.Dns(1);
  EXPECT_EQ(machine.phase(), PhaseKind::kSummoning);
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
  ASSERT_THAT(machine.Answers(), ElementsAre(Got(1, AnswerReason::kNotAwaited)));
  EXPECT_EQ(machine.All<Answer>()[0].ttl, machine.policy.ttl_asleep);
}

TEST(ServiceMachine, LaunchComesBeforeTheAnswer) {
  Machine machine;
  machine.Dns(1);
  ASSERT_EQ(machine.effects.size(), 3u);  // counted, launched, answered
  EXPECT_TRUE(std::holds_alternative<Launch>(machine.effects[1]));
  EXPECT_TRUE(std::holds_alternative<Answer>(machine.effects[2]));
}

TEST(ServiceMachine, QueryWhileAsleepIsParkedWhenPolicySaysSo) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
  EXPECT_THAT(machine.Answers(), IsEmpty());
  EXPECT_EQ(machine.state.waiters.size(), 1u);
}

TEST(ServiceMachine, PacketWhileAsleepLaunchesWithoutAnybodyToAnswer) {
  Machine machine;
  machine.Packet();
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
  EXPECT_THAT(machine.Answers(), IsEmpty());
}

TEST(ServiceMachine, QueryWithoutRoomIsAnsweredAllTheSameAndForgotten) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1, Admission::kRefused);
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
  EXPECT_THAT(machine.Launches(), IsEmpty());
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(1, AnswerReason::kNoRoom)));
  EXPECT_FALSE(machine.state.wanted);
}

TEST(ServiceMachine, QueryBeforeTheTapStandsWaitsEvenWhenAnswersAreImmediate) {
  Machine machine;
  machine.Dns(1, Admission::kUnprepared);
  EXPECT_THAT(machine.Answers(), IsEmpty());
  machine.Do(Admitted{});
  machine.Do(BecameReady{1});
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(1, AnswerReason::kReady)));
}

TEST(ServiceMachine, QueryThatWaitsForTheTapIsAnsweredAtHoldMax) {
  Machine machine;
  machine.Dns(1, Admission::kUnprepared);
  machine.TickAt(kStart + machine.policy.hold_max);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(1, AnswerReason::kHeldLongEnough)));
}

TEST(ServiceMachine, PacketWithoutRoomIsRememberedUntilItIsAdmitted) {
  Machine machine;
  machine.Packet(Admission::kQueued);
  EXPECT_TRUE(WaitsForAdmission(machine.state));
  machine.Do(Admitted{});
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
  EXPECT_EQ(machine.phase(), PhaseKind::kSummoning);
}

TEST(ServiceMachine, AdmissionThatNobodyWaitsForChangesNothing) {
  Machine machine;
  machine.Do(Admitted{});
  EXPECT_THAT(machine.Launches(), IsEmpty());
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
}

// --- summoning ---

TEST(ServiceMachine, TwoQueriesForAColdNameGiveOneLaunch) {
  Machine machine;
  machine.Dns(1);
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
  machine.Dns(2);
  EXPECT_THAT(machine.Launches(), IsEmpty());
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kNotAwaited)));
}

TEST(ServiceMachine, SecondQueryJoinsTheSummonInFlight) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  machine.Dns(2);
  EXPECT_THAT(machine.Launches(), IsEmpty());
  machine.Do(BecameReady{1});
  ASSERT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kReady),  // newest first
                                             Got(1, AnswerReason::kReady)));
  EXPECT_EQ(machine.All<Answer>()[0].ttl, machine.policy.ttl_ready);
}

// A resolver drops the reply to a query that it has sent again since (BIND does after 0.8 s).
TEST(ServiceMachine, LookupsOfOneSummonAreHeldNoLongerThanTheFirst) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  machine.now = kStart + machine.policy.hold_max / 2;
  machine.Dns(2);
  machine.TickAt(kStart + machine.policy.hold_max);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kHeldLongEnough),
                                             Got(1, AnswerReason::kHeldLongEnough)));
  machine.Dns(3);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(3, AnswerReason::kHeldLongEnough)));
}

TEST(ServiceMachine, NextSummonHoldsItsLookupsAnew) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  machine.TickAt(kStart + machine.policy.hold_max);
  machine.Do(BecameReady{1});
  machine.TickAt(NextDeadline(machine.state, machine.policy));
  machine.End(1, EndReason::kReclaimed);
  machine.Dns(2);
  EXPECT_THAT(machine.Answers(), IsEmpty());
}

TEST(ServiceMachine, QueryBeyondTheBoundOnWaitersIsAnsweredAtOnce) {
  Machine machine{.policy = HoldingPolicy()};
  machine.policy.waiters_max = 1;
  machine.Dns(1);
  machine.Dns(2);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kWaitersFull)));
}

TEST(ServiceMachine, QueryBeyondTheCommonBoundOnWaitersIsAnsweredAtOnce) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Do(Requested{Trigger::kDns, Asker{WaiterId{1}, Patience::kByPolicy, kNever},
                       Admission::kGranted, Parking::kFull});
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(1, AnswerReason::kWaitersFull)));
}

TEST(ServiceMachine, WaiterIsAnsweredWithTheAddressAtHoldMaxAndTheLaunchGoesOn) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  EXPECT_EQ(NextDeadline(machine.state, machine.policy), kStart + machine.policy.hold_max);
  machine.TickAt(kStart + machine.policy.hold_max);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(1, AnswerReason::kHeldLongEnough)));
  EXPECT_EQ(machine.phase(), PhaseKind::kSummoning);
  machine.Do(BecameReady{1});
  EXPECT_THAT(machine.Answers(), IsEmpty());  // once is enough
}

TEST(ServiceMachine, ReadyGrantsALease) {
  Machine machine;
  machine.Packet();
  machine.Do(BecameReady{1});
  EXPECT_EQ(machine.state.lease_until, kStart + machine.policy.ttl_ready + machine.policy.grace);
}

TEST(ServiceMachine, SlowBootIsReclaimedAndEveryoneRefused) {
  Machine machine;
  machine.Person(1, kStart + seconds(60));
  machine.TickAt(kStart + machine.policy.ready_timeout);
  EXPECT_EQ(machine.phase(), PhaseKind::kReclaiming);
  EXPECT_THAT(machine.Reclaims(), ElementsAre(1));
  EXPECT_THAT(machine.Refusals(), ElementsAre(Got(1, RefuseReason::kNotReady)));
  machine.End(1, EndReason::kReclaimed);
  EXPECT_EQ(machine.phase(), PhaseKind::kFailed);
  EXPECT_EQ(machine.state.failures, 1u);
}

TEST(ServiceMachine, ReadyThatCrossesWithGivingUpIsIgnored) {
  Machine machine;
  machine.Packet();
  machine.TickAt(kStart + machine.policy.ready_timeout);
  machine.Do(BecameReady{1});
  EXPECT_EQ(machine.phase(), PhaseKind::kReclaiming);
  EXPECT_EQ(machine.All<CountStale>().size(), 1u);
}

TEST(ServiceMachine, EndBeforeReadyRefusesEveryoneAndFails) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  machine.End(1, EndReason::kImageRejected);
  EXPECT_EQ(machine.phase(), PhaseKind::kFailed);
  EXPECT_THAT(machine.Refusals(), ElementsAre(Got(1, RefuseReason::kFailed)));
}

TEST(ServiceMachine, LostLauncherIsNoFailureOfTheService) {
  Machine machine;
  machine.Packet();
  machine.End(1, EndReason::kLost);
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
  EXPECT_EQ(machine.state.failures, 0u);
}

// --- ready ---

TEST(ServiceMachine, QueryWhileReadyIsAnsweredAndTheLeaseGrows) {
  Machine machine;
  machine.BringUp();
  machine.now += seconds(20);
  machine.Dns(2);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kReady)));
  EXPECT_EQ(machine.state.lease_until,
            machine.now + machine.policy.ttl_ready + machine.policy.grace);
}

TEST(ServiceMachine, LeaseCountsFromTheMomentTheAnswerIsSent) {
  Machine machine;
  machine.BringUp();
  machine.now += seconds(3);  // the release was paced
  machine.Do(AnswerSent{seconds(30)});
  EXPECT_EQ(machine.state.lease_until, machine.now + seconds(30) + machine.policy.grace);
}

TEST(ServiceMachine, LeaseNeverShrinks) {
  Machine machine;
  machine.BringUp();
  const Instant lease = machine.state.lease_until;
  machine.Do(AnswerSent{seconds(1)});
  EXPECT_EQ(machine.state.lease_until, lease);
}

TEST(ServiceMachine, QuietInstanceIsReclaimedWhenLeaseAndIdleTimeAreOver) {
  Machine machine;
  machine.BringUp();
  EXPECT_EQ(NextDeadline(machine.state, machine.policy), kStart + machine.policy.idle_timeout);
  machine.TickAt(kStart + machine.policy.idle_timeout);
  EXPECT_EQ(machine.phase(), PhaseKind::kReclaiming);
  EXPECT_THAT(machine.Reclaims(), ElementsAre(1));
}

TEST(ServiceMachine, LeaseKeepsAQuietInstance) {
  Machine machine;
  machine.BringUp();
  machine.Do(AnswerSent{seconds(600)});
  machine.TickAt(kStart + machine.policy.idle_timeout);
  EXPECT_EQ(machine.phase(), PhaseKind::kReady);
}

TEST(ServiceMachine, TrafficKeepsAnInstanceWhoseLeaseIsOver) {
  Machine machine;
  machine.BringUp();
  machine.now = kStart + machine.policy.idle_timeout - seconds(1);
  machine.Do(TrafficSeen{});
  machine.TickAt(kStart + machine.policy.idle_timeout);
  EXPECT_EQ(machine.phase(), PhaseKind::kReady);
}

TEST(ServiceMachine, QueriesAloneAreNotTraffic) {
  Machine machine;
  machine.BringUp();
  machine.now += seconds(10);
  machine.Dns(2);
  EXPECT_EQ(std::get<Ready>(machine.state.phase).quiet_since, kStart);
}

TEST(ServiceMachine, ServiceThatIsKeptRunningIsNeverReclaimedForIdleness) {
  Machine machine;
  machine.policy.on_idle = OnIdle::kKeepRunning;
  machine.BringUp();
  EXPECT_EQ(NextDeadline(machine.state, machine.policy), kNever);
  EXPECT_EQ(VictimFrom(machine.state, machine.policy), kNever);
}

TEST(ServiceMachine, EndOfAnOldInstanceLeavesTheServiceAsleep) {
  Machine machine;
  machine.BringUp();
  machine.now += machine.policy.young;
  machine.End(1);
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
  machine.Dns(2);
  EXPECT_THAT(machine.Launches(), ElementsAre(2));
}

TEST(ServiceMachine, EndOfAYoungInstanceIsAFailure) {
  Machine machine;
  machine.BringUp();
  machine.now += machine.policy.young - milliseconds(1);
  machine.End(1);
  EXPECT_EQ(machine.phase(), PhaseKind::kFailed);
}

TEST(ServiceMachine, BudgetReclaimsOnlyWhatIsQuietAndWithoutLease) {
  Machine machine;
  machine.BringUp();
  machine.now = machine.state.lease_until - milliseconds(1);
  machine.Do(ReclaimAsked{ReclaimReason::kBudget});
  EXPECT_THAT(machine.Reclaims(), IsEmpty());
  machine.now = machine.state.lease_until;
  machine.Do(ReclaimAsked{ReclaimReason::kBudget});
  EXPECT_THAT(machine.Reclaims(), ElementsAre(1));
}

TEST(ServiceMachine, OperatorReclaimsInSpiteOfTheLease) {
  Machine machine;
  machine.BringUp();
  machine.Do(ReclaimAsked{ReclaimReason::kOperator});
  EXPECT_THAT(machine.Reclaims(), ElementsAre(1));
  machine.End(1, EndReason::kReclaimed);
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
}

// --- reclaiming, and the races ---

TEST(ServiceMachine, StopDecidedBeforeANewLeaseIsOvertaken) {
  Machine machine;
  machine.BringUp();
  const Instant stop_at = NextDeadline(machine.state, machine.policy);
  machine.now = stop_at - milliseconds(1);
  machine.Dns(2);                 // the timer is set already,
  machine.TickAt(stop_at);        // and fires
  EXPECT_EQ(machine.phase(), PhaseKind::kReady);
  EXPECT_THAT(machine.Reclaims(), IsEmpty());
}

TEST(ServiceMachine, QueryDuringReclaimSummonsAgain) {
  Machine machine{.policy = HoldingPolicy()};
  machine.BringDown();
  machine.Dns(2);
  EXPECT_THAT(machine.Launches(), IsEmpty());  // the old instance is still there
  EXPECT_THAT(machine.Answers(), IsEmpty());
  machine.End(1, EndReason::kReclaimed);
  EXPECT_THAT(machine.Launches(), ElementsAre(2));
  machine.Do(BecameReady{2});
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kReady)));
}

TEST(ServiceMachine, QueryDuringReclaimIsAnsweredAtOnceWhenPolicySaysSo) {
  Machine machine;
  machine.BringDown();
  machine.Dns(2);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kNotAwaited)));
  machine.End(1, EndReason::kReclaimed);
  EXPECT_THAT(machine.Launches(), ElementsAre(2));
}

TEST(ServiceMachine, ReclaimThatEndsWithADeadMonitorIsARestAsWell) {
  Machine machine;
  machine.BringDown();
  machine.End(1, EndReason::kMonitorDied);
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
}

TEST(ServiceMachine, WaiterOfAReclaimWithoutRoomIsAnsweredAtHoldMax) {
  Machine machine{.policy = HoldingPolicy()};
  machine.BringDown();
  machine.Dns(2);
  machine.End(1, EndReason::kReclaimed, Admission::kQueued);
  EXPECT_TRUE(WaitsForAdmission(machine.state));
  machine.TickAt(NextDeadline(machine.state, machine.policy));
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kHeldLongEnough)));
  EXPECT_TRUE(WaitsForAdmission(machine.state));
}

TEST(ServiceMachine, EventsOfOlderGenerationsChangeNothing) {
  Machine machine;
  machine.BringDown();
  machine.Dns(2);
  machine.End(1, EndReason::kReclaimed);
  machine.End(1);
  machine.Do(BecameReady{1});
  EXPECT_EQ(machine.phase(), PhaseKind::kSummoning);
  EXPECT_EQ(machine.All<CountStale>().size(), 1u);
}

TEST(ServiceMachine, RemovalRefusesEveryoneAndReclaims) {
  Machine machine{.policy = HoldingPolicy()};
  machine.Dns(1);
  machine.Do(ReclaimAsked{ReclaimReason::kRemoved});
  EXPECT_THAT(machine.Refusals(), ElementsAre(Got(1, RefuseReason::kRemoved)));
  EXPECT_THAT(machine.Reclaims(), ElementsAre(1));
  machine.Dns(2);
  EXPECT_THAT(machine.Refusals(), ElementsAre(Got(2, RefuseReason::kRemoved)));
}

// --- failed ---

TEST(ServiceMachine, QueryBeforeTheRetryIsRefusedAndAfterItLaunches) {
  Machine machine;
  machine.Dns(1);
  machine.End(1);
  machine.now = kStart + machine.policy.backoff_base - milliseconds(1);
  machine.Dns(2);
  EXPECT_THAT(machine.Refusals(), ElementsAre(Got(2, RefuseReason::kBackoff)));
  machine.now += milliseconds(1);
  machine.Dns(3);
  EXPECT_THAT(machine.Launches(), ElementsAre(2));
}

TEST(ServiceMachine, PacketBeforeTheRetryIsRememberedForIt) {
  Machine machine;
  machine.Packet();
  machine.End(1);
  machine.Packet();
  EXPECT_EQ(machine.phase(), PhaseKind::kFailed);
  machine.TickAt(NextDeadline(machine.state, machine.policy));
  EXPECT_EQ(machine.now, kStart + machine.policy.backoff_base);
  EXPECT_TRUE(WaitsForAdmission(machine.state));
}

TEST(ServiceMachine, BackoffDoublesUpToItsMaximum) {
  Machine machine;
  std::vector<std::int64_t> waits;
  for (std::uint64_t generation = 1; generation <= 8; ++generation) {
    machine.Packet();
    machine.End(generation);
    const Instant retry_at = std::get<Failed>(machine.state.phase).retry_at;
    waits.push_back((retry_at - machine.now) / seconds(1));
    machine.now = retry_at;
  }
  EXPECT_THAT(waits, ElementsAre(1, 2, 4, 8, 16, 32, 60, 60));
}

TEST(ServiceMachine, InstanceThatGrewOldEndsTheRowOfFailures) {
  Machine machine;
  machine.Packet();
  machine.End(1);
  machine.now += machine.policy.backoff_base;
  machine.Packet();
  machine.Do(BecameReady{2});
  machine.now += machine.policy.young;
  machine.End(2);
  EXPECT_EQ(machine.state.failures, 0u);
}

// --- cannot run ---

TEST(ServiceMachine, QueryIsRefusedWhileTheServiceCannotRun) {
  Machine machine;
  machine.Do(Unavailable{"no /dev/kvm"});
  machine.Dns(1);
  ASSERT_THAT(machine.Refusals(), ElementsAre(Got(1, RefuseReason::kUnavailable)));
  EXPECT_EQ(machine.All<Refuse>()[0].detail, "no /dev/kvm");
  machine.Do(Available{});
  machine.Dns(2);
  EXPECT_THAT(machine.Launches(), ElementsAre(1));
}

TEST(ServiceMachine, ReadyServiceIsAnsweredThoughItCouldNotBeMadeNow) {
  Machine machine;
  machine.BringUp();
  machine.Do(Unavailable{"no /dev/kvm"});
  machine.Dns(2);
  EXPECT_THAT(machine.Answers(), ElementsAre(Got(2, AnswerReason::kReady)));
}

// Seed 254 of the simulator: the launcher tells of a packet once, so it must outlive the summon
// that it joined.
TEST(ServiceMachine, WaitingPacketOutlivesTheSummonItJoined) {
  Machine machine;
  machine.Do(Requested{Trigger::kApi, std::nullopt, Admission::kQueued, Parking::kAllowed});
  machine.Packet(Admission::kQueued);
  machine.Do(Unavailable{"no /dev/kvm"});
  machine.Do(Available{});
  EXPECT_TRUE(WaitsForAdmission(machine.state));
}

TEST(ServiceMachine, FailureForWantOfALauncherEndsWhenThereIsOne) {
  Machine machine;
  machine.Packet();
  machine.End(1, EndReason::kUnavailable);
  EXPECT_EQ(machine.phase(), PhaseKind::kFailed);
  machine.Do(Available{});
  EXPECT_EQ(machine.phase(), PhaseKind::kAsleep);
}

// --- adoption ---

TEST(ServiceMachine, AdoptedInstanceIsReadyWithALeaseAndItsGenerationIsNotUsedAgain) {
  Machine machine;
  machine.Do(Adopted{41, true});
  EXPECT_EQ(machine.phase(), PhaseKind::kReady);
  EXPECT_GT(machine.state.lease_until, kStart);
  machine.now += machine.policy.young;
  machine.End(41);
  machine.Packet();
  EXPECT_THAT(machine.Launches(), ElementsAre(42));
}

TEST(ServiceMachine, AdoptedInstanceThatStillBootsBecomesReady) {
  Machine machine;
  machine.Do(Adopted{3, false});
  machine.Do(BecameReady{3});
  EXPECT_EQ(machine.phase(), PhaseKind::kReady);
}

TEST(ServiceMachine, SecondInstanceInTheInventoryIsReclaimed) {
  Machine machine;
  machine.BringUp();
  machine.Do(Adopted{9, true});
  EXPECT_THAT(machine.Reclaims(), ElementsAre(9));
  EXPECT_EQ(LiveGeneration(machine.state), 1u);
}

}  // namespace
}  // namespace summon::summoner
