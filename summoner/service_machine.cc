// SPDX-License-Identifier: Apache-2.0
// Step: one function for each kind of event, in the order of the table in docs/state-machine.md.

#include "summoner/service_machine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "summoner/stepper.h"

namespace summon::summoner {
namespace {

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

// When a service that rests is to be lowered. Not while it is about to be launched: that wakes it.
Instant DescendAt(const ServiceState& state, const Asleep& asleep, const Policy& policy) {
  Instant next = kNever;
  if (state.wanted || asleep.lowering) return next;
  for (std::size_t rung = 0; rung < launcher::kRungs; ++rung) {
    if (static_cast<Rung>(rung) <= asleep.rest.rung) continue;
    next = std::min(next, Later(state.since, policy.descend_after[rung]));
  }
  return next;
}

}  // namespace

// --- what the launcher tells ---

void Stepper::On(const Admitted&) {
  if (WaitsForAdmission(s_)) {
    BeginSummon();
  } else {
    effects_.push_back(CountStale{});
  }
}

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
    return EndedWhileReclaiming(event, Reclaiming(*reclaiming));
  }
  // Of a launcher that went away nothing follows about the service.
  const bool lost = event.reason == launcher::EndReason::kLost;
  if (std::holds_alternative<Summoning>(s_.phase)) {
    if (!lost) return Fail(event.reason, event.detail);
    ClearWanted(Outcome::kFailed);
    RefuseAll(RefuseReason::kUnavailable, event.detail);
    return Enter(Asleep{event.rest});
  }
  if (!WasYoung()) {
    s_.failures = 0;
  } else if (!lost && event.reason != launcher::EndReason::kReclaimed) {
    return Fail(event.reason, event.detail);
  }
  Enter(Asleep{event.rest});
}

void Stepper::EndedWhileReclaiming(const Ended& event, const Reclaiming& reclaiming) {
  if (reclaiming.reason == ReclaimReason::kNotReady) {
    ++s_.failures;
    return Enter(Failed{Later(now_, Backoff(policy_, s_.failures)), event.reason, NotReadyText()});
  }
  if (s_.wanted && s_.problem.empty() && event.admission == Admission::kGranted) {
    return BeginSummon();
  }
  Enter(Asleep{event.rest});
  // Somebody wanted it lower while it was on its way.
  if (event.rest.rung < reclaiming.rung) AskLower(reclaiming.rung, reclaiming.reason);
  if (!s_.problem.empty()) StayUnavailable();
}

// A change also settles whatever Lower was under way: it is the answer, or one that is not wanted
// any more; a second Lower to the same rung does no harm.
void Stepper::On(const Rested& event) {
  if (auto* asleep = std::get_if<Asleep>(&s_.phase)) {
    *asleep = Asleep{event.rest};
  } else if (std::holds_alternative<Failed>(s_.phase) && event.rest.rung != Rung::kOff) {
    // What failed is not worth its memory.
    effects_.push_back(Lower{s_.service, Rung::kOff, ReclaimReason::kOrphan});
  } else {
    effects_.push_back(CountStale{});  // it crossed with a launch, which took it
  }
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
    StartReclaim(ReclaimReason::kNotReady, Rung::kOff);
  } else if (const auto* ready = std::get_if<Ready>(&s_.phase)) {
    // A deadline that was set before a lease grew comes too early: look at the lease, not at it.
    if (now_ >= IdleAt(s_, *ready, policy_)) {
      StartReclaim(ReclaimReason::kIdle, policy_.rest_at);
    }
  } else if (const auto* failed = std::get_if<Failed>(&s_.phase)) {
    if (s_.wanted && now_ >= failed->retry_at) Enter(Asleep{});
  } else if (const auto* asleep = std::get_if<Asleep>(&s_.phase)) {
    if (now_ >= DescendAt(s_, *asleep, policy_)) TickWhileAsleep(*asleep);
  }
}

void Stepper::TickWhileAsleep(const Asleep& asleep) {
  Rung due = asleep.rest.rung;
  for (std::size_t rung = 0; rung < launcher::kRungs; ++rung) {
    if (now_ < Later(s_.since, policy_.descend_after[rung])) continue;
    due = std::max(due, static_cast<Rung>(rung));
  }
  AskLower(due, ReclaimReason::kIdle);
}

void Stepper::On(const ReclaimAsked& event) {
  const bool summoning = std::holds_alternative<Summoning>(s_.phase);
  const bool ready = std::holds_alternative<Ready>(s_.phase);
  switch (event.reason) {
    case ReclaimReason::kBudget:
      if (now_ < VictimFrom(s_, policy_)) return;
      // Memory is wanted: a rung that holds some would give back none.
      if (ready) return StartReclaim(event.reason, std::max(policy_.rest_at, Rung::kSaved));
      return AskLower(RestOf(s_).rung < Rung::kSaved ? Rung::kSaved : Rung::kOff, event.reason);
    case ReclaimReason::kOperator:
      if (summoning) {
        ClearWanted(Outcome::kFailed);
        RefuseAll(RefuseReason::kReclaimed, "an operator ended the instance");
      }
      // One that is not ready yet has nothing that is worth waking.
      if (summoning) return StartReclaim(event.reason, Rung::kOff);
      if (ready) return StartReclaim(event.reason, event.rung);
      if (auto* reclaiming = std::get_if<Reclaiming>(&s_.phase)) {
        reclaiming->rung = std::max(reclaiming->rung, event.rung);
      } else if (RestOf(s_).rung < event.rung) {
        AskLower(event.rung, event.reason);
      }
      return;
    case ReclaimReason::kRemoved:
      ClearWanted(summoning ? Outcome::kFailed : Outcome::kRefused);
      RefuseAll(RefuseReason::kRemoved, "the service is no longer configured");
      if (summoning || ready) return StartReclaim(event.reason, Rung::kOff);
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
  if (std::holds_alternative<Asleep>(s_.phase)) StayUnavailable();
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

void Stepper::StartReclaim(ReclaimReason reason, Rung rung) {
  const std::uint64_t generation = *LiveGeneration(s_);
  if (std::holds_alternative<Ready>(s_.phase) && !WasYoung()) s_.failures = 0;
  Enter(Reclaiming{generation, reason, rung});
  effects_.push_back(Reclaim{{s_.service, generation}, reason, rung});
}

void Stepper::AskLower(Rung rung, ReclaimReason reason) {
  auto* asleep = std::get_if<Asleep>(&s_.phase);
  if (asleep == nullptr || asleep->rest.rung >= rung || asleep->lowering >= rung) return;
  asleep->lowering = rung;
  effects_.push_back(Lower{s_.service, rung, reason});
}

void Stepper::Fail(launcher::EndReason reason, std::string detail) {
  ++s_.failures;
  ClearWanted(Outcome::kFailed);
  RefuseAll(RefuseReason::kFailed, detail);
  Enter(Failed{Later(now_, Backoff(policy_, s_.failures)), reason, std::move(detail)});
}

void Stepper::StayUnavailable() {
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

// --- the function ---

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
  } else if (const auto* asleep = std::get_if<Asleep>(&state.phase)) {
    next = std::min(next, DescendAt(state, *asleep, policy));
  }
  return next;
}

Instant VictimFrom(const ServiceState& state, const Policy& policy) {
  if (const auto* asleep = std::get_if<Asleep>(&state.phase)) {
    return asleep->rest.memory_bytes > 0 && !asleep->lowering ? state.since : kNever;
  }
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

Rest RestOf(const ServiceState& state) {
  const auto* asleep = std::get_if<Asleep>(&state.phase);
  return asleep == nullptr ? Rest() : asleep->rest;
}

}  // namespace summon::summoner
