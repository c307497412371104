// SPDX-License-Identifier: Apache-2.0
// Each call becomes events for the machines it concerns; Apply keeps the sums, the deadlines and
// the queue in step with them; Pump then admits whoever's turn it is.

#include "summoner/summoner.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "summoner/registry_entry.h"

namespace summon::summoner {

Summoner::Summoner(const Limits& limits)
    : limits_(limits), admission_(limits.memory_budget_mib, limits.summons_in_flight_max) {}

Summoner::~Summoner() = default;

// --- the registry ---

Result<ServiceId> Summoner::Add(ServiceSpec spec, Instant now, Effects& effects) {
  if (services_.size() >= kServicesMax) {
    return Error(ErrorCode::kExhausted,
                 StrCat("add service ", Quote(spec.name), ": ", kServicesMax, " are there"));
  }
  const ServiceId id{next_id_++};
  auto service = std::make_unique<Service>();
  service->spec = std::move(spec);
  service->state.service = id;
  service->state.since = now;
  RefreshProblem(*service, now, effects);
  ++resting_[static_cast<std::size_t>(service->counted_at)];
  services_.emplace(id, std::move(service));
  return id;
}

void Summoner::Replace(ServiceId id, ServiceSpec spec, Instant now, Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr) return;
  service->spec = std::move(spec);
  service->unreachable = {};
  RefreshProblem(*service, now, effects);
  Index(*service);
  Pump(now, effects);
}

void Summoner::Remove(ServiceId id, Instant now, Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr || service->removed) return;
  service->removed = true;
  Apply(*service, ReclaimAsked{ReclaimReason::kRemoved}, now, effects);
  EraseIfAtRest(id, effects);
  Pump(now, effects);
}

void Summoner::SetLimits(const Limits& limits, Instant now, Effects& effects) {
  limits_ = limits;
  admission_.SetLimits(limits.memory_budget_mib, limits.summons_in_flight_max);
  RefreshAllProblems(now, effects);
  Pump(now, effects);
}

// --- requests ---

void Summoner::Request(ServiceId id, const RequestInfo& info, Instant now, Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr) {
    if (info.asker) {
      ++counters_.refusals[static_cast<std::size_t>(RefuseReason::kRemoved)];
      effects.push_back(Refuse{id, info.asker->waiter, RefuseReason::kRemoved,
                               "the service is no longer configured"});
    }
    return;
  }
  service->received = info.received;
  const Requested event{.trigger = info.trigger,
                        .asker = info.asker,
                        .admission = AdmissionFor(*service, info.trigger, now),
                        .parking = waiters_ < limits_.waiters_max ? info.parking : Parking::kFull};
  Apply(*service, event, now, effects);
  Pump(now, effects);
}

void Summoner::AnswerSent(ServiceId id, std::chrono::seconds ttl, Instant now) {
  Service* service = Find(id);
  if (service == nullptr) return;
  Waterfall& waterfall = service->last_summon;
  if (waterfall.decided && !waterfall.answer_sent) waterfall.answer_sent = now;
  Effects none;
  Apply(*service, summoner::AnswerSent{ttl}, now, none);
}

void Summoner::ReclaimByOperator(ServiceId id, Rung rung, Instant now, Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr) return;
  Apply(*service, ReclaimAsked{ReclaimReason::kOperator, rung}, now, effects);
  Pump(now, effects);
}

// --- time ---

Instant Summoner::NextDeadline() const {
  return deadlines_.empty() ? pump_at_ : std::min(pump_at_, deadlines_.begin()->first);
}

void Summoner::Advance(Instant now, Effects& effects) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Service& service = *services_.at(deadlines_.begin()->second);
    Apply(service, Tick{}, now, effects);
    SUMMON_CHECK(service.deadline > now);  // else this would never end
  }
  Pump(now, effects);
}

// --- looking ---

std::optional<ServiceStatus> Summoner::StatusOf(ServiceId id) const {
  const auto found = services_.find(id);
  if (found == services_.end() || found->second->removed) return std::nullopt;
  const Service& service = *found->second;
  const ServiceState& state = service.state;
  ServiceStatus status;
  status.phase = KindOf(state.phase);
  const auto* failed = std::get_if<Failed>(&state.phase);
  const bool live = LiveGeneration(state).has_value();
  status.rest = RestOf(state);
  status.generation = state.last_generation;
  status.since = state.since;
  status.lease_until = state.lease_until;
  if (const auto* ready = std::get_if<Ready>(&state.phase)) {
    status.quiet_since = ready->quiet_since;
  }
  if (failed != nullptr) status.retry_at = failed->retry_at;
  status.waiters = static_cast<std::uint32_t>(state.waiters.size());
  status.memory_mib = service.spec.memory_mib;
  if (live) {
    status.memory_mib = static_cast<std::uint32_t>(service.share.mib - kInstanceOverheadMib);
  }
  status.queued = service.share.queued;
  status.prepared = service.prepared;
  status.kind = service.kind;
  status.last_trigger = service.last_trigger;
  status.last_end = service.last_end;
  status.problem = state.problem;
  if (status.problem.empty() && failed != nullptr) status.problem = failed->detail;
  if (status.problem.empty()) status.problem = service.prepare_problem;
  status.last_summon = service.last_summon;
  return status;
}

bool Summoner::IsAtRest(ServiceId id) const {
  const auto found = services_.find(id);
  if (found == services_.end()) return false;
  const ServiceState& state = found->second->state;
  const PhaseKind phase = KindOf(state.phase);
  return !state.wanted && phase != PhaseKind::kSummoning && phase != PhaseKind::kReady;
}

// --- inside ---

Summoner::Service* Summoner::Find(ServiceId id) {
  const auto found = services_.find(id);
  if (found != services_.end()) return found->second.get();
  ++counters_.events_unknown;
  return nullptr;
}

std::uint64_t Summoner::NeedOf(const Service& service) const {
  return service.spec.memory_mib + kInstanceOverheadMib;
}

OutcomeCounters& Summoner::CountersOf(Trigger trigger) {
  return counters_.by_trigger[static_cast<std::size_t>(trigger)];
}

void Summoner::Apply(Service& service, const Event& event, Instant now, Effects& effects) {
  const std::size_t from = effects.size();
  const PhaseKind phase_before = KindOf(service.state.phase);
  const std::optional<Trigger> wanted_before = service.state.wanted;
  const std::size_t waiters_before = service.state.waiters.size();
  const Rung rest_before = RestOf(service.state).rung;
  if (service.spec.policy.on_idle == OnIdle::kAuto) {
    service.spec.policy.rest_at = AutoRungOf(service);
  }

  service.state = Step(std::move(service.state), event, service.spec.policy, now, effects);

  const ServiceState& after = service.state;
  if (phase_before == PhaseKind::kAsleep) service.launched_from = rest_before;
  if (wanted_before) --CountersOf(*wanted_before).in_flight;
  if (after.wanted) ++CountersOf(*after.wanted).in_flight;
  if (!wanted_before && after.wanted) {
    service.last_trigger = after.wanted;
    service.last_summon = Waterfall();
    service.last_summon.trigger = after.wanted;
    service.last_summon.received = service.received;
    service.last_summon.decided = now;
  }
  counters_.waiters_parked +=
      after.waiters.size() > waiters_before ? after.waiters.size() - waiters_before : 0;
  waiters_ += static_cast<std::uint32_t>(after.waiters.size() - waiters_before);

  for (std::size_t i = from; i < effects.size(); ++i) TakeNote(service, effects[i], now);
  const auto internal = [](const Effect& effect) {
    return std::holds_alternative<CountOutcome>(effect) ||
           std::holds_alternative<CountStale>(effect);
  };
  effects.erase(std::remove_if(effects.begin() + static_cast<std::ptrdiff_t>(from), effects.end(),
                               internal),
                effects.end());
  const PhaseKind phase_after = KindOf(after.phase);
  if (phase_after != phase_before) {
    effects.push_back(PhaseChanged{after.service, phase_before, phase_after});
  }
  Index(service);
}

void Summoner::TakeNote(Service& service, const Effect& effect, Instant now) {
  if (const auto* launch = std::get_if<Launch>(&effect)) {
    ++counters_.launches;
    service.last_summon.generation = launch->instance.generation;
    service.last_summon.launched = now;
  } else if (const auto* reclaim = std::get_if<Reclaim>(&effect)) {
    ++counters_.reclaims[static_cast<std::size_t>(reclaim->reason)];
    service.reclaimed_to = reclaim->rung;
  } else if (const auto* lower = std::get_if<Lower>(&effect)) {
    ++counters_.lowers[static_cast<std::size_t>(lower->reason)];
  } else if (std::holds_alternative<Answer>(effect)) {
    ++counters_.answers;
  } else if (const auto* refuse = std::get_if<Refuse>(&effect)) {
    ++counters_.refusals[static_cast<std::size_t>(refuse->reason)];
  } else if (std::holds_alternative<CountStale>(effect)) {
    ++counters_.events_stale;
  } else if (const auto* count = std::get_if<CountOutcome>(&effect)) {
    OutcomeCounters& counters = CountersOf(count->trigger);
    switch (count->outcome) {
      case Outcome::kAsked: ++counters.summons; break;
      case Outcome::kBooted: ++counters.booted; break;
      case Outcome::kReused: ++counters.reused; break;
      case Outcome::kRefused: ++counters.refused; break;
      case Outcome::kFailed: ++counters.failed; break;
    }
  }
}

void Summoner::Index(Service& service) {
  const ServiceId id = service.state.service;
  const Instant deadline = summoner::NextDeadline(service.state, service.spec.policy);
  if (deadline != service.deadline) {
    if (service.deadline != kNever) deadlines_.erase({service.deadline, id});
    if (deadline != kNever) deadlines_.insert({deadline, id});
    service.deadline = deadline;
  }
  admission_.Update(id, service.share, HoldingOf(service));
  const Rung rung = RestOf(service.state).rung;
  --resting_[static_cast<std::size_t>(service.counted_at)];
  ++resting_[static_cast<std::size_t>(rung)];
  service.counted_at = rung;
  if (WaitsForAdmission(service.state) && service.prepared && !service.share.queued) {
    ++counters_.deferred;
    admission_.Enqueue(id, service.share);
  }
}

AdmissionControl::Holding Summoner::HoldingOf(Service& service) const {
  const ServiceState& state = service.state;
  AdmissionControl::Holding holding;
  holding.phase = KindOf(state.phase);
  holding.victim_from = VictimFrom(state, service.spec.policy);
  holding.leaving = holding.phase == PhaseKind::kReclaiming;
  if (const auto generation = LiveGeneration(state)) {
    // What an instance was given stays its own, whatever a reload says about the next one.
    const bool lived = service.share.phase != PhaseKind::kAsleep &&
                       service.share.phase != PhaseKind::kFailed;
    const bool same = lived && *generation == service.held_by;
    holding.mib = same ? service.share.mib : NeedOf(service);
    service.held_by = *generation;
  } else if (const auto* asleep = std::get_if<Asleep>(&state.phase)) {
    constexpr std::uint64_t kMib = 1024 * 1024;
    holding.mib = (asleep->rest.memory_bytes + kMib - 1) / kMib;
    holding.leaving = asleep->lowering.has_value();
  }
  return holding;
}

// The rung that OnIdle::kAuto means for this service now.
Rung Summoner::AutoRungOf(const Service& service) const {
  const std::size_t first_kind = service.spec.kinds[0] ? 0 : launcher::kKinds - 1;
  const std::size_t kind =
      service.kind ? static_cast<std::size_t>(*service.kind) : first_kind;
  RungFacts facts;
  for (std::size_t rung = 0; rung < launcher::kRungs; ++rung) {
    const auto& measured = measures_[kind][rung];
    const bool snapshot = static_cast<Rung>(rung) == Rung::kParked ||
                          static_cast<Rung>(rung) == Rung::kSaved;
    facts[rung].reachable = !service.unreachable[rung] && (!snapshot || service.spec.snapshots);
    if (measured && measured->samples >= kRungSamplesMin) facts[rung].wake = measured->wake_p50;
  }
  return ChooseRung(facts, service.first_bytes.MedianOr(kFirstByteUnknown),
                    service.spec.policy.first_byte_slo);
}

void Summoner::RefreshProblem(Service& service, Instant now, Effects& effects) {
  std::string problem = ProblemOf(service);
  if (problem == service.state.problem) return;
  if (problem.empty()) {
    Apply(service, Available{}, now, effects);
  } else {
    Apply(service, Unavailable{std::move(problem)}, now, effects);
  }
}

void Summoner::RefreshAllProblems(Instant now, Effects& effects) {
  for (auto& [id, service] : services_) RefreshProblem(*service, now, effects);
}

std::string Summoner::ProblemOf(const Service& service) const {
  if (!launcher_problem_.empty()) return launcher_problem_;
  if (!admission_.CanEverFit(NeedOf(service))) {
    return StrCat("it needs ", NeedOf(service), " MiB with overhead; the memory budget is ",
                  limits_.memory_budget_mib, " MiB");
  }
  if (!service.prepared && !service.prepare_problem.empty()) return service.prepare_problem;
  std::string problems;
  for (std::size_t kind = 0; kind < launcher::kKinds; ++kind) {
    if (!service.spec.kinds[kind]) continue;
    if (kind_problems_[kind].empty()) return "";
    problems += StrCat(problems.empty() ? "" : "; ", kind_problems_[kind]);
  }
  return problems.empty() ? "no kind of launcher fits its images" : problems;
}

Admission Summoner::AdmissionFor(const Service& service, Trigger trigger, Instant now) const {
  // Before the launcher has the order no frame can wait at a tap: not even a lookup is forgotten.
  if (!service.prepared) return Admission::kUnprepared;
  if (service.share.queued) return Admission::kQueued;
  if (admission_.QueueEmpty() && admission_.FitsInPlaceOf(service.share, NeedOf(service))) {
    return Admission::kGranted;
  }
  if (trigger != Trigger::kDns) return Admission::kQueued;
  // A lookup alone does not wait for others' instances to end by themselves: its packet asks
  // again, if it ever comes. What can be reclaimed for it, is.
  std::vector<ServiceId> victims;
  const bool room = admission_.QueueEmpty() &&
                    admission_.MakeRoom(service.state.service, service.share, NeedOf(service),
                                        now, victims);
  return room ? Admission::kQueued : Admission::kRefused;
}

Admission Summoner::AdmissionAfterEnd(const Service& service) const {
  const bool granted = service.prepared && admission_.QueueEmpty() &&
                       admission_.FitsInPlaceOf(service.share, NeedOf(service));
  return granted ? Admission::kGranted : Admission::kQueued;
}

void Summoner::Pump(Instant now, Effects& effects) {
  pump_at_ = kNever;
  LowerBeyondBudget(now, effects);
  while (!admission_.QueueEmpty() && PumpHead(now, effects)) {
  }
}

// What rests is only worth memory that nobody else has: a smaller budget or an adopted instance
// takes it back at once.
void Summoner::LowerBeyondBudget(Instant now, Effects& effects) {
  for (const ServiceId id : admission_.RestsBeyondBudget()) {
    Apply(*services_.at(id), ReclaimAsked{ReclaimReason::kBudget}, now, effects);
  }
}

// Admits the head of the queue, or drops it when it no longer waits. False when it goes on waiting.
bool Summoner::PumpHead(Instant now, Effects& effects) {
  const auto found = services_.find(admission_.Head());
  Service* service = found == services_.end() ? nullptr : found->second.get();
  const bool waits =
      service != nullptr && service->prepared && WaitsForAdmission(service->state);
  if (waits && !admission_.FitsInPlaceOf(service->share, NeedOf(*service))) {
    std::vector<ServiceId> victims;
    const ServiceId id = service->state.service;
    if (!admission_.MakeRoom(id, service->share, NeedOf(*service), now, victims)) {
      pump_at_ = admission_.NextVictimAfter(now);
    }
    for (const ServiceId victim : victims) {
      Apply(*services_.at(victim), ReclaimAsked{ReclaimReason::kBudget}, now, effects);
    }
    return false;
  }
  admission_.PopHead();
  if (service != nullptr) service->share.queued = false;
  if (waits) Apply(*service, Admitted{}, now, effects);
  return true;
}

void Summoner::EraseIfAtRest(ServiceId id, Effects& effects) {
  const auto found = services_.find(id);
  if (found == services_.end()) return;
  Service& service = *found->second;
  if (!service.removed || LiveGeneration(service.state)) return;
  admission_.Update(id, service.share, AdmissionControl::Holding());  // what rests goes with it
  --resting_[static_cast<std::size_t>(service.counted_at)];
  effects.push_back(Forget{id});
  if (service.deadline != kNever) deadlines_.erase({service.deadline, id});
  services_.erase(found);
}

}  // namespace summon::summoner
