// SPDX-License-Identifier: Apache-2.0
// What concerns many services together: admission, victims, queues, reloads, restarts, counters.

#include "summoner/summoner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace summon::summoner {
namespace {

using launcher::EndReason;
using launcher::Kind;
using launcher::Stage;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Instant kStart = InstantFromNanos(1'000'000'000'000);

// A summoner and the effects of its last call.
struct Room {
  explicit Room(const Limits& limits = {}) : summoner(limits) {}

  ServiceId Add(std::uint32_t memory_mib, Policy policy = {}) {
    ServiceSpec spec{.name = "web", .policy = policy, .memory_mib = memory_mib};
    spec.kinds = {true, false};
    const ServiceId id = *summoner.Add(spec, now, effects);
    summoner.OnPrepared(id, Ok(), now, effects);
    return id;
  }
  void Dns(ServiceId id, std::uint64_t waiter) {
    effects.clear();
    const Asker asker{WaiterId{waiter}, Patience::kByPolicy, kNever};
    summoner.Request(id, {Trigger::kDns, asker, now - milliseconds(1)}, now, effects);
  }
  void Packet(ServiceId id) {
    effects.clear();
    summoner.Request(id, {Trigger::kPacket, std::nullopt, now}, now, effects);
  }
  void Stamp(ServiceId id, std::uint64_t generation, Stage stage) {
    effects.clear();
    summoner.OnStage({id, generation}, {stage, now, Kind::kKvm}, now, effects);
  }
  void End(ServiceId id, std::uint64_t generation, EndReason reason) {
    effects.clear();
    launcher::EndReport report;
    report.reason = reason;
    summoner.OnEnded({id, generation}, report, now, effects);
  }
  void BringUp(ServiceId id) {
    Packet(id);
    Stamp(id, summoner.StatusOf(id)->generation, Stage::kReady);
  }
  void Advance(Instant to) {
    effects.clear();
    now = to;
    summoner.Advance(now, effects);
  }
  template <typename Wanted>
  std::vector<Wanted> All() const {
    std::vector<Wanted> found;
    for (const Effect& effect : effects) {
      if (const auto* wanted = std::get_if<Wanted>(&effect)) found.push_back(*wanted);
    }
    return found;
  }
  std::vector<ServiceId> Launched() const {
    std::vector<ServiceId> ids;
    for (const Launch& launch : All<Launch>()) ids.push_back(launch.instance.service);
    return ids;
  }
  std::vector<ServiceId> Reclaimed() const {
    std::vector<ServiceId> ids;
    for (const Reclaim& reclaim : All<Reclaim>()) ids.push_back(reclaim.instance.service);
    return ids;
  }
  PhaseKind Phase(ServiceId id) const { return summoner.StatusOf(id)->phase; }
  const OutcomeCounters& Count(Trigger trigger) const {
    return summoner.counters().by_trigger[static_cast<std::size_t>(trigger)];
  }

  Instant now = kStart;
  Effects effects;
  Summoner summoner;
};

// Room for two instances of 46 MiB and their overhead, or one of 96.
Limits Small() { return {.memory_budget_mib = 100}; }

TEST(Summoner, CountsOneBootAndReuseForManyQueries) {
  Room room;
  const ServiceId id = room.Add(16);
  room.Dns(id, 1);
  room.Dns(id, 2);
  EXPECT_EQ(room.Count(Trigger::kDns).in_flight, 1u);
  room.Stamp(id, 1, Stage::kReady);
  room.Dns(id, 3);
  EXPECT_EQ(room.Count(Trigger::kDns).summons, 3u);
  EXPECT_EQ(room.Count(Trigger::kDns).booted, 1u);
  EXPECT_EQ(room.Count(Trigger::kDns).reused, 2u);
  EXPECT_TRUE(room.Count(Trigger::kDns).Conserved());
}

TEST(Summoner, CountersNeverReachTheDaemonAsEffects) {
  Room room;
  room.Dns(room.Add(16), 1);
  EXPECT_THAT(room.All<CountOutcome>(), IsEmpty());
  EXPECT_EQ(room.effects.size(), 3u);  // launch, answer, phase
}

TEST(Summoner, QueryWithoutRoomIsAnsweredAndRefusedOnce) {
  Room room(Small());
  room.BringUp(room.Add(90));
  const ServiceId second = room.Add(90);
  room.Dns(second, 2);
  ASSERT_EQ(room.All<Answer>().size(), 1u);
  EXPECT_EQ(room.All<Answer>()[0].reason, AnswerReason::kNoRoom);
  EXPECT_EQ(room.Count(Trigger::kDns).refused, 1u);
  EXPECT_FALSE(room.summoner.StatusOf(second)->queued);
}

TEST(Summoner, PacketWithoutRoomIsAdmittedWhenMemoryIsFree) {
  Room room(Small());
  const ServiceId first = room.Add(90);
  const ServiceId second = room.Add(90);
  room.BringUp(first);
  room.Packet(second);
  EXPECT_THAT(room.Launched(), IsEmpty());
  EXPECT_TRUE(room.summoner.StatusOf(second)->queued);
  room.End(first, 1, EndReason::kHalted);
  EXPECT_THAT(room.Launched(), ElementsAre(second));
}

TEST(Summoner, PacketWithoutRoomReclaimsTheLeastRecentlyUsed) {
  Room room(Small());
  const ServiceId older = room.Add(46);
  const ServiceId newer = room.Add(46);
  const ServiceId third = room.Add(46);
  room.BringUp(older);
  room.now += seconds(1);
  room.BringUp(newer);
  room.now += seconds(60);  // both leases (40 s) are over
  room.Packet(third);
  EXPECT_THAT(room.Reclaimed(), ElementsAre(older));
  room.End(older, 1, EndReason::kReclaimed);
  EXPECT_THAT(room.Launched(), ElementsAre(third));
  EXPECT_EQ(room.Phase(newer), PhaseKind::kReady);
}

TEST(Summoner, QueuedPacketGetsItsVictimWhenTheLeaseEnds) {
  Room room(Small());
  const ServiceId first = room.Add(90);
  const ServiceId second = room.Add(90);
  room.BringUp(first);
  const Instant lease = room.summoner.StatusOf(first)->lease_until;
  room.Packet(second);
  EXPECT_EQ(room.summoner.NextDeadline(), lease);
  room.Advance(lease);
  EXPECT_THAT(room.Reclaimed(), ElementsAre(first));
}

TEST(Summoner, LargeServiceDoesNotStarveBehindSmallOnes) {
  Room room(Small());
  const ServiceId running = room.Add(46);
  const ServiceId large = room.Add(90);
  const ServiceId small = room.Add(16);
  room.BringUp(running);
  room.Packet(large);
  room.Packet(small);  // would fit, but it is not its turn
  EXPECT_THAT(room.Launched(), IsEmpty());
  room.End(running, 1, EndReason::kHalted);
  EXPECT_THAT(room.Launched(), ElementsAre(large));
}

TEST(Summoner, SummonsInFlightAreBounded) {
  Room room({.memory_budget_mib = 1000, .summons_in_flight_max = 1});
  const ServiceId first = room.Add(16);
  const ServiceId second = room.Add(16);
  room.Packet(first);
  room.Packet(second);
  EXPECT_THAT(room.Launched(), IsEmpty());
  room.Stamp(first, 1, Stage::kReady);
  EXPECT_THAT(room.Launched(), ElementsAre(second));
}

TEST(Summoner, ServiceThatCanNeverFitSaysSo) {
  Room room(Small());
  const ServiceId id = room.Add(97);
  room.Dns(id, 1);
  ASSERT_EQ(room.All<Refuse>().size(), 1u);
  EXPECT_EQ(room.All<Refuse>()[0].reason, RefuseReason::kUnavailable);
  EXPECT_THAT(room.All<Refuse>()[0].detail, HasSubstr("memory budget is 100 MiB"));
}

TEST(Summoner, ParkedAnswersOfAllServicesTogetherAreBounded) {
  Room room({.waiters_max = 1});
  Policy policy;
  policy.answer = AnswerMode::kWhenReady;
  const ServiceId first = room.Add(16, policy);
  const ServiceId second = room.Add(16, policy);
  room.Dns(first, 1);
  EXPECT_THAT(room.All<Answer>(), IsEmpty());
  room.Dns(second, 2);
  ASSERT_EQ(room.All<Answer>().size(), 1u);
  EXPECT_EQ(room.All<Answer>()[0].reason, AnswerReason::kWaitersFull);
}

TEST(Summoner, WhoseNetworkHasItsShareOfParkedAnswersIsAnsweredAtOnce) {
  Room room;
  Policy policy;
  policy.answer = AnswerMode::kWhenReady;
  const ServiceId id = room.Add(16, policy);
  room.effects.clear();
  const Asker asker{WaiterId{1}, Patience::kByPolicy, kNever};
  room.summoner.Request(id, {Trigger::kDns, asker, room.now, Parking::kFull}, room.now,
                        room.effects);
  ASSERT_EQ(room.All<Answer>().size(), 1u);
  EXPECT_EQ(room.All<Answer>()[0].reason, AnswerReason::kWaitersFull);
  EXPECT_EQ(room.Launched().size(), 1u);
}

TEST(Summoner, IsAtRestUntilASummonBeginsAndAgainAfterIt) {
  Room room;
  const ServiceId id = room.Add(16);
  EXPECT_TRUE(room.summoner.IsAtRest(id));
  room.BringUp(id);
  EXPECT_FALSE(room.summoner.IsAtRest(id));
  room.End(id, 1, EndReason::kHalted);  // young: it has failed
  EXPECT_TRUE(room.summoner.IsAtRest(id));
  EXPECT_FALSE(room.summoner.IsAtRest(ServiceId{99}));
}

TEST(Summoner, RequestBeforeTheOrderStandsWaitsAndIsRememberedUntilItDoes) {
  Room room;
  ServiceSpec spec{.name = "web", .policy = {}, .memory_mib = 16};
  spec.kinds = {true, false};
  const ServiceId id = *room.summoner.Add(spec, room.now, room.effects);
  room.Dns(id, 1);
  EXPECT_THAT(room.Launched(), IsEmpty());
  EXPECT_THAT(room.All<Answer>(), IsEmpty()) << "no packet could wait at a tap yet";
  room.summoner.OnPrepared(id, Ok(), room.now, room.effects);
  EXPECT_THAT(room.Launched(), ElementsAre(id));
}

TEST(Summoner, ServiceWithABadImageIsRefusedUntilItIsMended) {
  Room room;
  ServiceSpec spec{.name = "web", .policy = {}, .memory_mib = 16};
  spec.kinds = {true, false};
  const ServiceId id = *room.summoner.Add(spec, room.now, room.effects);
  room.summoner.OnPrepared(id, Error(ErrorCode::kInvalid, "image: bad"), room.now, room.effects);
  room.Dns(id, 1);
  ASSERT_EQ(room.All<Refuse>().size(), 1u);
  EXPECT_EQ(room.All<Refuse>()[0].detail, "image: bad");
  room.summoner.OnPrepared(id, Ok(), room.now, room.effects);
  room.Dns(id, 2);
  EXPECT_THAT(room.Launched(), ElementsAre(id));
}

TEST(Summoner, FormerOrderStandsWhenItsReplacementIsRefused) {
  Room room;
  const ServiceId id = room.Add(16);
  room.summoner.OnPrepared(id, Error(ErrorCode::kInvalid, "image: bad"), room.now, room.effects);
  room.Packet(id);
  EXPECT_THAT(room.Launched(), ElementsAre(id));
  EXPECT_EQ(room.summoner.StatusOf(id)->problem, "image: bad");
}

TEST(Summoner, ServiceIsRefusedWithoutItsKindAndRunsAgainWithIt) {
  Room room;
  const ServiceId id = room.Add(16);
  room.summoner.OnAvailability(Kind::kKvm, Error(ErrorCode::kPermission, "open /dev/kvm"),
                               room.now, room.effects);
  room.Dns(id, 1);
  ASSERT_EQ(room.All<Refuse>().size(), 1u);
  EXPECT_EQ(room.All<Refuse>()[0].detail, "kvm: open /dev/kvm");
  room.Packet(id);
  room.summoner.OnAvailability(Kind::kKvm, Ok(), room.now, room.effects);
  EXPECT_THAT(room.Launched(), ElementsAre(id));  // for the packet that waited
}

TEST(Summoner, ReloadThatChangesAServiceLeavesItsInstanceItsMemory) {
  Room room;
  const ServiceId id = room.Add(16);
  room.BringUp(id);
  ServiceSpec spec{.name = "web", .policy = {}, .memory_mib = 64};
  spec.kinds = {true, false};
  room.effects.clear();
  room.summoner.Replace(id, spec, room.now, room.effects);
  EXPECT_THAT(room.effects, IsEmpty());
  EXPECT_EQ(room.summoner.memory_used_mib(), 16 + kInstanceOverheadMib);
}

TEST(Summoner, RemovedServiceIsForgottenOnlyAtRest) {
  Room room;
  const ServiceId id = room.Add(16);
  room.BringUp(id);
  room.effects.clear();
  room.summoner.Remove(id, room.now, room.effects);
  EXPECT_THAT(room.Reclaimed(), ElementsAre(id));
  EXPECT_THAT(room.All<Forget>(), IsEmpty());
  EXPECT_FALSE(room.summoner.StatusOf(id));
  room.End(id, 1, EndReason::kReclaimed);
  EXPECT_EQ(room.All<Forget>().size(), 1u);
  EXPECT_EQ(room.summoner.service_count(), 0u);
  EXPECT_EQ(room.summoner.memory_used_mib(), 0u);
}

TEST(Summoner, WaiterOfAServiceThatIsNotThereIsRefused) {
  Room room;
  room.Dns(ServiceId{99}, 1);
  ASSERT_EQ(room.All<Refuse>().size(), 1u);
  EXPECT_EQ(room.All<Refuse>()[0].reason, RefuseReason::kRemoved);
}

TEST(Summoner, InstancesThatOutliveTheLauncherConnectionAreAdopted) {
  Room room;
  const ServiceId id = room.Add(16);
  room.BringUp(id);
  room.summoner.LauncherLost("launcherd is gone", room.now, room.effects);
  room.Dns(id, 2);
  EXPECT_EQ(room.All<Refuse>().size(), 1u);
  launcher::InventoryEntry entry;
  entry.generation = 1;
  entry.ready = true;
  room.summoner.Adopt(id, entry, room.now, room.effects);
  room.summoner.LauncherBack(room.now, room.effects);
  room.Dns(id, 3);
  ASSERT_EQ(room.All<Answer>().size(), 1u);
  EXPECT_EQ(room.All<Answer>()[0].reason, AnswerReason::kReady);
  EXPECT_EQ(room.summoner.counters().launches, 1u);
}

TEST(Summoner, NothingIsLaunchedWithoutLauncherNorBeforeItHasTheOrderAgain) {
  Room room;
  const ServiceId id = room.Add(16);
  room.summoner.LauncherLost("launcherd is gone", room.now, room.effects);
  room.Packet(id);
  EXPECT_THAT(room.Launched(), IsEmpty());
  room.summoner.LauncherBack(room.now, room.effects);
  EXPECT_THAT(room.Launched(), IsEmpty());
  room.summoner.OnPrepared(id, Ok(), room.now, room.effects);
  EXPECT_THAT(room.Launched(), ElementsAre(id));
}

TEST(Summoner, EndThatIsToldAfterTheLauncherIsBackChangesNothing) {
  Room room;
  const ServiceId id = room.Add(16);
  room.BringUp(id);
  room.summoner.LauncherLost("launcherd is gone", room.now, room.effects);
  room.summoner.LauncherBack(room.now, room.effects);
  room.End(id, 1, EndReason::kLost);
  room.summoner.OnPrepared(id, Ok(), room.now, room.effects);
  room.Packet(id);
  EXPECT_THAT(room.Launched(), ElementsAre(id));
  EXPECT_EQ(room.summoner.counters().ends, 1u);
}

TEST(Summoner, TrafficCountersThatMoveKeepTheInstance) {
  Room room;
  const ServiceId id = room.Add(16);
  room.BringUp(id);
  room.now += seconds(80);
  room.summoner.OnTraffic(id, {.frames_to_guest = 1}, room.now);
  EXPECT_EQ(room.summoner.StatusOf(id)->quiet_since, room.now);
  room.Advance(kStart + seconds(90));  // idle_timeout
  EXPECT_EQ(room.Phase(id), PhaseKind::kReady);
}

TEST(Summoner, TrafficCountersThatStandStillAreNoTraffic) {
  Room room;
  const ServiceId id = room.Add(16);
  room.summoner.OnTraffic(id, {.frames_to_guest = 1}, room.now);
  room.BringUp(id);
  room.now += seconds(80);
  room.summoner.OnTraffic(id, {.frames_to_guest = 1}, room.now);
  EXPECT_EQ(room.summoner.StatusOf(id)->quiet_since, kStart);
}

TEST(Summoner, WaterfallHasAStampForEachStageOfTheLastSummon) {
  Room room;
  const ServiceId id = room.Add(16);
  room.Dns(id, 1);
  room.summoner.AnswerSent(id, seconds(5), room.now);
  room.now += milliseconds(2);
  room.Stamp(id, 1, Stage::kRunning);
  room.now += milliseconds(2);
  room.Stamp(id, 1, Stage::kReady);
  const Waterfall waterfall = room.summoner.StatusOf(id)->last_summon;
  EXPECT_EQ(waterfall.trigger, Trigger::kDns);
  EXPECT_EQ(waterfall.received, kStart - milliseconds(1));
  EXPECT_EQ(waterfall.decided, kStart);
  EXPECT_EQ(waterfall.launched, kStart);
  EXPECT_EQ(waterfall.answer_sent, kStart);
  EXPECT_EQ(waterfall.At(Stage::kRunning), kStart + milliseconds(2));
  EXPECT_EQ(waterfall.At(Stage::kReady), kStart + milliseconds(4));
  EXPECT_FALSE(waterfall.At(Stage::kFirstByteOut));
}

TEST(Summoner, StagesOfAnOlderInstanceLeaveTheWaterfallAlone) {
  Room room;
  const ServiceId id = room.Add(16);
  room.BringUp(id);
  room.now += seconds(60);
  room.End(id, 1, EndReason::kHalted);
  room.Packet(id);
  room.Stamp(id, 1, Stage::kFirstByteOut);
  EXPECT_FALSE(room.summoner.StatusOf(id)->last_summon.At(Stage::kFirstByteOut));
  EXPECT_EQ(room.summoner.counters().events_stale, 1u);
}

}  // namespace
}  // namespace summon::summoner
