// SPDX-License-Identifier: Apache-2.0
// Step: one function for each kind of event, in the order of the table in docs/state-machine.md.

#include "summoner/service_machine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace summon::summoner {
namespace {

// The instant `wait` after `at`; kNever instead of an overflow.
Instant Later(Instant at, Duration wait) { return wait > kNever - at ? kNever : at + wait; }

// RFC 2181 section 8: a TTL has 31 bits.
constexpr std::chrono::seconds kTtlMax{0x7fff'ffff};

Duration Backoff(const Policy& policy, std::uint32_t failures) {
  Duration wait = policy.backoff_base;
  for (std::uint32_t i = 1; i < failures && wait < policy.backoff_max; ++i) {
    wait = std::min(wait, policy.backoff_max / 2) * 2;
  }
  return std::min(wait, policy.backoff_max);
}

Instant IdleAt(const ServiceState& state, const Ready& ready, const Policy& policy) {
  if (policy.on_idle == OnIdle::kKeepRunning) return kNever;
  return std::max(state.lease_until, Later(ready.quiet_since, policy.idle_timeout));
}

// One step; lives as long as the call.
class Stepper final {
 public:
  Stepper(ServiceState& state, const Policy& policy, Instant now, Effects& effects)
      : s_(state), policy_(policy), now_(now), effects_(effects) {}

  void On(const Requested& event);
  void On(const Admitted& event);
  void On(const BecameReady& event);
  void On(const Ended& event);
  void On(const TrafficSeen& event);
  void On(const AnswerSent& event) { GrowLease(event.ttl); }
  void On(const Tick& event);
  void On(const ReclaimAsked& event);
  void On(const Unavailable& event);
  void On(const Available& event);
  void On(const Adopted& event);

 private:
  void RequestWhileReady(const Requested& event, Ready& ready);
  void RequestWhileReclaiming(const Requested& event, ReclaimReason reason);
  void RequestWhileFailed(const Requested& event);
  void RequestWhileAsleep(const Requested& event);
  void RequestNotAdmitted(const Requested& event);
  void EndedWhileReclaiming(const Ended& event, ReclaimReason reason);

  template <typename Next>
  void Enter(Next next) {
    s_.phase = std::move(next);
    s_.since = now_;
  }
  void BeginSummon();
  void StartReclaim(ReclaimReason reason);
  void Fail(launcher::EndReason reason, std::string detail);
  // An unwanted rest: whoever waits is told why, and only a packet is remembered.
  void RestUnavailable();
  bool WasYoung() const { return now_ < Later(s_.since, policy_.young); }

  void Count(Trigger trigger, Outcome outcome) {
    effects_.push_back(CountOutcome{trigger, outcome});
  }
  void Remember(Trigger trigger);
  void ClearWanted(Outcome outcome);

  // Answers at once or parks, by policy.
  void Settle(const Requested& event);
  void Park(const Requested& event, const Asker& asker);
  void AnswerOne(WaiterId id, Patience patience, std::chrono::seconds ttl, AnswerReason reason);
  void AnswerAll(std::chrono::seconds ttl, AnswerReason reason);
  void ReleaseExpired();
  void RefuseAsker(const Requested& event, RefuseReason reason, std::string detail);
  void RefuseAll(RefuseReason reason, const std::string& detail);
  void GrowLease(std::chrono::seconds ttl);
  std::string NotReadyText() const;

  ServiceState& s_;
  const Policy& policy_;
  const Instant now_;
  Effects& effects_;
};

// --- requests ---

void Stepper::On(const Requested& event) {
  Count(event.trigger, Outcome::kAsked);
  if (auto* ready = std::get_if<Ready>(&s_.phase)) return RequestWhileReady(event, *ready);
  if (const auto* reclaiming = std::get_if<Reclaiming>(&s_.phase)) {
    return RequestWhileReclaiming(event, reclaiming->reason);
  }
  if (std::holds_alternative<Failed>(s_.phase)) return RequestWhileFailed(event);
  if (std::holds_alternative<Asleep>(s_.phase)) return RequestWhileAsleep(event);
  Count(event.trigger, Outcome::kReused);  // it joins the summon in flight
  Settle(event);
}

void Stepper::RequestWhileReady(const Requested& event, Ready& ready) {
  Count(event.trigger, Outcome::kReused);
  // A frame is use; a question is only a promise to be reachable for as long as the answer lives.
  if (event.trigger == Trigger::kPacket) {
    ready.quiet_since = std::max(ready.quiet_since, now_);
  } else {
    GrowLease(policy_.ttl_ready);
  }
  if (!event.asker) return;
  AnswerOne(event.asker->waiter, event.asker->patience, policy_.ttl_ready, AnswerReason::kReady);
}

void Stepper::RequestWhileReclaiming(const Requested& event, ReclaimReason reason) {
  if (reason == ReclaimReason::kRemoved) {
    Count(event.trigger, Outcome::kRefused);
    return RefuseAsker(event, RefuseReason::kRemoved, "the service is no longer configured");
  }
  if (reason == ReclaimReason::kNotReady && event.trigger != Trigger::kPacket) {
    // It is about to be Failed: another attempt at once would go the same way.
    Count(event.trigger, Outcome::kRefused);
    return RefuseAsker(event, RefuseReason::kNotReady, NotReadyText());
  }
  // Policy decides here too: with kImmediately the address is given at once, since the packet
  // waits at the tap for the next instance just as it does while the service is asleep.
  Remember(event.trigger);
  Settle(event);
}

void Stepper::RequestWhileFailed(const Requested& event) {
  const auto& failed = std::get<Failed>(s_.phase);
  if (now_ >= failed.retry_at) {
    Enter(Asleep{});
    return RequestWhileAsleep(event);
  }
  // The launcher tells of a waiting packet only once, so it must be remembered until the retry.
  if (event.trigger == Trigger::kPacket) {
    Remember(event.trigger);
  } else {
    Count(event.trigger, Outcome::kRefused);
  }
  const auto wait = std::chrono::ceil<std::chrono::seconds>(failed.retry_at - now_);
  RefuseAsker(event, RefuseReason::kBackoff,
              StrCat(failed.detail, "; next attempt in ", wait.count(), " s"));
}

void Stepper::RequestWhileAsleep(const Requested& event) {
  if (!s_.problem.empty()) {
    if (event.trigger == Trigger::kPacket) {
      Remember(event.trigger);
    } else {
      Count(event.trigger, Outcome::kRefused);
    }
    return RefuseAsker(event, RefuseReason::kUnavailable, s_.problem);
  }
  if (event.admission != Admission::kGranted) return RequestNotAdmitted(event);
  Remember(event.trigger);
  BeginSummon();
  Settle(event);
}

void Stepper::RequestNotAdmitted(const Requested& event) {
  const bool remembered = event.admission != Admission::kRefused || s_.wanted.has_value();
  if (remembered) {
    Remember(event.trigger);
  } else {
    Count(event.trigger, Outcome::kRefused);
  }
  if (!event.asker) return;
  const bool unprepared = event.admission == Admission::kUnprepared;
  if (event.asker->patience == Patience::kByPolicy && !unprepared) {
    // The answer never waits for admission: with the address in hand the client's packet asks.
    return AnswerOne(event.asker->waiter, event.asker->patience, policy_.ttl_asleep,
                     AnswerReason::kNoRoom);
  }
  if (remembered) return Park(event, *event.asker);
  RefuseAsker(event, RefuseReason::kNoRoom, "no memory is free for another instance");
}

void Stepper::On(const Admitted&) {
  if (WaitsForAdmission(s_)) {
    BeginSummon();
  } else {
    effects_.push_back(CountStale{});
  }
}

// --- what the launcher tells ---

void Stepper::On(const BecameReady& event) {
  const auto* summoning = std::get_if<Summoning>(&s_.phase);
  if (summoning == nullptr || summoning->generation != event.generation) {
    effects_.push_back(CountStale{});
    return;
  }
  Enter(Ready{event.generation, now_});
  GrowLease(policy_.ttl_ready);
  ClearWanted(Outcome::kBooted);
  AnswerAll(policy_.ttl_ready, AnswerReason::kReady);
}

void Stepper::On(const Ended& event) {
  if (LiveGeneration(s_) != event.generation) {
    effects_.push_back(CountStale{});
    return;
  }
  if (const auto* reclaiming = std::get_if<Reclaiming>(&s_.phase)) {
    return EndedWhileReclaiming(event, reclaiming->reason);
  }
  // Of a launcher that went away nothing follows about the service.
  const bool lost = event.reason == launcher::EndReason::kLost;
  if (std::holds_alternative<Summoning>(s_.phase)) {
    if (!lost) return Fail(event.reason, event.detail);
    ClearWanted(Outcome::kFailed);
    RefuseAll(RefuseReason::kUnavailable, event.detail);
    return Enter(Asleep{});
  }
  if (!WasYoung()) {
    s_.failures = 0;
  } else if (!lost && event.reason != launcher::EndReason::kReclaimed) {
    return Fail(event.reason, event.detail);
  }
  Enter(Asleep{});
}

void Stepper::EndedWhileReclaiming(const Ended& event, ReclaimReason reason) {
  if (reason == ReclaimReason::kNotReady) {
    ++s_.failures;
    return Enter(Failed{Later(now_, Backoff(policy_, s_.failures)), event.reason, NotReadyText()});
  }
  if (s_.wanted && s_.problem.empty() && event.admission == Admission::kGranted) {
    return BeginSummon();
  }
  Enter(Asleep{});
  if (!s_.problem.empty()) RestUnavailable();
}

void Stepper::On(const TrafficSeen&) {
  if (auto* ready = std::get_if<Ready>(&s_.phase)) {
    ready->quiet_since = std::max(ready->quiet_since, now_);
  }
}

void Stepper::On(const Adopted& event) {
  s_.last_generation = std::max(s_.last_generation, event.generation);
  if (const auto live = LiveGeneration(s_)) {
    if (*live == event.generation) {
      effects_.push_back(CountStale{});
    } else {
      effects_.push_back(Reclaim{{s_.service, event.generation}, ReclaimReason::kOrphan});
    }
    return;
  }
  s_.packet_waits = false;
  if (!event.ready) return Enter(Summoning{event.generation});
  Enter(Ready{event.generation, now_});
  // What the process before us promised is not known: as much as it can have.
  GrowLease(policy_.ttl_ready);
  ClearWanted(Outcome::kReused);
  AnswerAll(policy_.ttl_ready, AnswerReason::kReady);
}

// --- time, operators, availability ---

void Stepper::On(const Tick&) {
  ReleaseExpired();
  if (std::holds_alternative<Summoning>(s_.phase)) {
    if (now_ < Later(s_.since, policy_.ready_timeout)) return;
    ClearWanted(Outcome::kFailed);
    RefuseAll(RefuseReason::kNotReady, NotReadyText());
    StartReclaim(ReclaimReason::kNotReady);
  } else if (const auto* ready = std::get_if<Ready>(&s_.phase)) {
    // A deadline that was set before a lease grew comes too early: look at the lease, not at it.
    if (now_ >= IdleAt(s_, *ready, policy_)) StartReclaim(ReclaimReason::kIdle);
  } else if (const auto* failed = std::get_if<Failed>(&s_.phase)) {
    if (s_.wanted && now_ >= failed->retry_at) Enter(Asleep{});
  }
}

void Stepper::On(const ReclaimAsked& event) {
  const bool summoning = std::holds_alternative<Summoning>(s_.phase);
  const bool ready = std::holds_alternative<Ready>(s_.phase);
  switch (event.reason) {
    case ReclaimReason::kBudget:
      if (ready && now_ >= VictimFrom(s_, policy_)) StartReclaim(event.reason);
      return;
    case ReclaimReason::kOperator:
      if (summoning) {
        ClearWanted(Outcome::kFailed);
        RefuseAll(RefuseReason::kReclaimed, "an operator ended the instance");
      }
      if (summoning || ready) StartReclaim(event.reason);
      return;
    case ReclaimReason::kRemoved:
      ClearWanted(summoning ? Outcome::kFailed : Outcome::kRefused);
      RefuseAll(RefuseReason::kRemoved, "the service is no longer configured");
      if (summoning || ready) return StartReclaim(event.reason);
      if (auto* reclaiming = std::get_if<Reclaiming>(&s_.phase)) {
        reclaiming->reason = event.reason;
      }
      return;
    case ReclaimReason::kIdle:
    case ReclaimReason::kNotReady:
    case ReclaimReason::kOrphan:
      break;
  }
  SUMMON_CHECK(false);  // the machine alone decides these
}

void Stepper::On(const Unavailable& event) {
  s_.problem = event.problem;
  // In the other phases an instance exists, and its end will tell.
  if (std::holds_alternative<Asleep>(s_.phase)) RestUnavailable();
}

void Stepper::On(const Available&) {
  s_.problem.clear();
  const auto* failed = std::get_if<Failed>(&s_.phase);
  if (failed == nullptr || failed->reason != launcher::EndReason::kUnavailable) return;
  s_.failures = 0;  // what failed it is over
  Enter(Asleep{});
}

// --- the pieces ---

void Stepper::BeginSummon() {
  ++s_.last_generation;
  s_.packet_waits = false;
  Enter(Summoning{s_.last_generation});
  effects_.push_back(Launch{{s_.service, s_.last_generation}});
}

void Stepper::StartReclaim(ReclaimReason reason) {
  const std::uint64_t generation = *LiveGeneration(s_);
  if (std::holds_alternative<Ready>(s_.phase) && !WasYoung()) s_.failures = 0;
  Enter(Reclaiming{generation, reason});
  effects_.push_back(Reclaim{{s_.service, generation}, reason});
}

void Stepper::Fail(launcher::EndReason reason, std::string detail) {
  ++s_.failures;
  ClearWanted(Outcome::kFailed);
  RefuseAll(RefuseReason::kFailed, detail);
  Enter(Failed{Later(now_, Backoff(policy_, s_.failures)), reason, std::move(detail)});
}

void Stepper::RestUnavailable() {
  RefuseAll(RefuseReason::kUnavailable, s_.problem);
  if (!s_.packet_waits) ClearWanted(Outcome::kRefused);
}

void Stepper::Remember(Trigger trigger) {
  if (trigger == Trigger::kPacket) s_.packet_waits = true;
  if (s_.wanted) {
    Count(trigger, Outcome::kReused);
  } else {
    s_.wanted = trigger;
  }
}

void Stepper::ClearWanted(Outcome outcome) {
  if (!s_.wanted) return;
  Count(*s_.wanted, outcome);
  s_.wanted.reset();
}

void Stepper::Settle(const Requested& event) {
  if (!event.asker) return;
  if (event.asker->patience == Patience::kByPolicy && policy_.answer == AnswerMode::kImmediately) {
    return AnswerOne(event.asker->waiter, event.asker->patience, policy_.ttl_asleep,
                     AnswerReason::kNotAwaited);
  }
  Park(event, *event.asker);
}

void Stepper::Park(const Requested& event, const Asker& asker) {
  const bool by_policy = asker.patience == Patience::kByPolicy;
  if (event.parking == Parking::kFull || s_.waiters.size() >= policy_.waiters_max) {
    if (!by_policy) {
      return RefuseAsker(event, RefuseReason::kWaitersFull, "too many wait already");
    }
    return AnswerOne(asker.waiter, asker.patience, policy_.ttl_asleep, AnswerReason::kWaitersFull);
  }
  const Instant deadline = by_policy ? Later(now_, policy_.hold_max) : asker.until;
  s_.waiters.push_back({asker.waiter, asker.patience, deadline});
}

void Stepper::AnswerOne(WaiterId id, Patience patience, std::chrono::seconds ttl,
                        AnswerReason reason) {
  effects_.push_back(Answer{s_.service, id, ttl, reason});
  // The answer leaves in a moment. Until AnswerSent tells when exactly, this covers it.
  if (patience == Patience::kByPolicy) GrowLease(ttl);
}

void Stepper::AnswerAll(std::chrono::seconds ttl, AnswerReason reason) {
  for (auto waiter = s_.waiters.rbegin(); waiter != s_.waiters.rend(); ++waiter) {
    AnswerOne(waiter->id, waiter->patience, ttl, reason);
  }
  s_.waiters.clear();
}

void Stepper::ReleaseExpired() {
  for (auto waiter = s_.waiters.rbegin(); waiter != s_.waiters.rend(); ++waiter) {
    if (waiter->deadline > now_) continue;
    AnswerOne(waiter->id, waiter->patience, policy_.ttl_asleep, AnswerReason::kHeldLongEnough);
  }
  std::erase_if(s_.waiters, [now = now_](const Waiter& waiter) { return waiter.deadline <= now; });
}

void Stepper::RefuseAsker(const Requested& event, RefuseReason reason, std::string detail) {
  if (!event.asker) return;
  effects_.push_back(Refuse{s_.service, event.asker->waiter, reason, std::move(detail)});
}

void Stepper::RefuseAll(RefuseReason reason, const std::string& detail) {
  for (auto waiter = s_.waiters.rbegin(); waiter != s_.waiters.rend(); ++waiter) {
    effects_.push_back(Refuse{s_.service, waiter->id, reason, detail});
  }
  s_.waiters.clear();
}

void Stepper::GrowLease(std::chrono::seconds ttl) {
  s_.lease_until =
      std::max(s_.lease_until, Later(Later(now_, std::min(ttl, kTtlMax)), policy_.grace));
}

std::string Stepper::NotReadyText() const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(policy_.ready_timeout);
  return StrCat("not ready within ", ms.count(), " ms (ready_timeout)");
}

}  // namespace

ServiceState Step(ServiceState state, const Event& event, const Policy& policy, Instant now,
                  Effects& effects) {
  Stepper stepper(state, policy, now, effects);
  std::visit([&stepper](const auto& which) { stepper.On(which); }, event);
  return state;
}

Instant NextDeadline(const ServiceState& state, const Policy& policy) {
  Instant next = kNever;
  for (const Waiter& waiter : state.waiters) next = std::min(next, waiter.deadline);
  if (std::holds_alternative<Summoning>(state.phase)) {
    next = std::min(next, Later(state.since, policy.ready_timeout));
  } else if (const auto* ready = std::get_if<Ready>(&state.phase)) {
    next = std::min(next, IdleAt(state, *ready, policy));
  } else if (const auto* failed = std::get_if<Failed>(&state.phase)) {
    if (state.wanted) next = std::min(next, failed->retry_at);
  }
  return next;
}

Instant VictimFrom(const ServiceState& state, const Policy& policy) {
  const auto* ready = std::get_if<Ready>(&state.phase);
  if (ready == nullptr || policy.on_idle == OnIdle::kKeepRunning) return kNever;
  return std::max(state.lease_until, Later(ready->quiet_since, kVictimQuiet));
}

PhaseKind KindOf(const Phase& phase) {
  // The variant and the enumeration have the same order.
  static_assert(std::variant_size_v<Phase> == 5);
  return static_cast<PhaseKind>(phase.index());
}

std::optional<std::uint64_t> LiveGeneration(const ServiceState& state) {
  if (const auto* summoning = std::get_if<Summoning>(&state.phase)) return summoning->generation;
  if (const auto* ready = std::get_if<Ready>(&state.phase)) return ready->generation;
  if (const auto* reclaiming = std::get_if<Reclaiming>(&state.phase)) {
    return reclaiming->generation;
  }
  return std::nullopt;
}

bool WaitsForAdmission(const ServiceState& state) {
  return std::holds_alternative<Asleep>(state.phase) && state.wanted && state.problem.empty();
}

std::string_view RungName(Rung rung) {
  switch (rung) {
    case Rung::kRunning: return "running";
    case Rung::kPaused: return "paused";
    case Rung::kParked: return "parked";
    case Rung::kSaved: return "saved";
    case Rung::kOff: return "off";
  }
  SUMMON_CHECK(false);
}

}  // namespace summon::summoner
