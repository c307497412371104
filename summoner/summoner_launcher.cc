// SPDX-License-Identifier: Apache-2.0
// What launchers tell, as events for the machines it concerns.

#include <algorithm>

#include "base/strings.h"
#include "summoner/registry_entry.h"
#include "summoner/summoner.h"

namespace summon::summoner {

void Summoner::OnPrepared(ServiceId id, const Status& status, Instant now, Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr) return;
  // An order that is refused leaves the former one standing, if there was one.
  if (status.ok()) service->prepared = true;
  service->prepare_problem = status.ok() ? "" : status.error().message();
  RefreshProblem(*service, now, effects);
  Index(*service);
  Pump(now, effects);
}

void Summoner::NoteStage(Service& service, const launcher::StageReport& report) {
  Waterfall& fall = service.last_summon;
  auto& stamp = fall.stages[static_cast<std::size_t>(report.stage)];
  if (stamp) return;
  stamp = report.at;
  if (report.stage == launcher::Stage::kReady) fall.from = report.from;
  const auto ready = fall.At(launcher::Stage::kReady);
  if (report.stage != launcher::Stage::kFirstByteOut || !ready) return;
  service.first_bytes.Add(std::max(report.at - *ready, Duration::zero()));
}

void Summoner::CountWake(const Service& service, const launcher::StageReport& report) {
  ++counters_.wakes[static_cast<std::size_t>(report.from)];
  // Adopted ones were launched by the process before us: what rested then is not known.
  const bool ours = service.last_summon.trigger.has_value();
  if (!ours || service.launched_from >= report.from) return;
  ++counters_.wake_fallbacks[static_cast<std::size_t>(service.launched_from)];
}

// Learns which rungs this service comes to rest at; what it rests at, a launch may find.
void Summoner::NoteRest(Service& service, const launcher::EndReport& report) {
  service.launched_from = report.rest.rung;
  const auto* reclaiming = std::get_if<Reclaiming>(&service.state.phase);
  if (reclaiming == nullptr || report.reason != launcher::EndReason::kReclaimed) return;
  const Rung asked = service.reclaimed_to;
  if (asked == Rung::kOff) return;
  service.unreachable[static_cast<std::size_t>(asked)] = report.rest.rung != asked;
}

void Summoner::OnStage(InstanceId instance, const launcher::StageReport& report, Instant now,
                       Effects& effects) {
  Service* service = Find(instance.service);
  if (service == nullptr) return;
  if (service->last_summon.generation == instance.generation) {
    NoteStage(*service, report);
  }
  const bool live = LiveGeneration(service->state) == instance.generation;
  if (live) service->kind = report.kind;
  if (report.stage != launcher::Stage::kReady) {
    if (!live) ++counters_.events_stale;
    return;
  }
  if (live && KindOf(service->state.phase) == PhaseKind::kSummoning) CountWake(*service, report);
  Apply(*service, BecameReady{instance.generation}, now, effects);
  Pump(now, effects);
}

void Summoner::OnEnded(InstanceId instance, const launcher::EndReport& report, Instant now,
                       Effects& effects) {
  Service* service = Find(instance.service);
  if (service == nullptr) return;
  if (LiveGeneration(service->state) == instance.generation) {
    service->last_end = report;
    ++counters_.ends;
    if (KindOf(service->state.phase) != PhaseKind::kReclaiming) ++counters_.ends_unasked;
    NoteRest(*service, report);
  }
  Apply(*service,
        Ended{instance.generation, report.reason,
              report.detail.empty() ? "the instance ended before it was ready" : report.detail,
              AdmissionAfterEnd(*service), report.rest},
        now, effects);
  EraseIfAtRest(instance.service, effects);
  Pump(now, effects);
}

void Summoner::OnRest(ServiceId id, const Rest& rest, Instant now, Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr) return;
  const auto* asleep = std::get_if<Asleep>(&service->state.phase);
  if (asleep != nullptr && !asleep->lowering && asleep->rest.rung < rest.rung) {
    ++counters_.rests_lost[static_cast<std::size_t>(asleep->rest.rung)];
  }
  Apply(*service, Rested{rest}, now, effects);
  Pump(now, effects);
}

void Summoner::OnRungMeasured(const launcher::RungMeasure& measure) {
  measures_[static_cast<std::size_t>(measure.kind)][static_cast<std::size_t>(measure.rung)] =
      measure;
}

void Summoner::OnTraffic(ServiceId id, const launcher::Traffic& traffic, Instant now) {
  Service* service = Find(id);
  if (service == nullptr || service->traffic == traffic) return;
  service->traffic = traffic;
  Effects none;
  Apply(*service, TrafficSeen{}, now, none);
}

void Summoner::OnAvailability(launcher::Kind kind, const Status& status, Instant now,
                              Effects& effects) {
  std::string problem;
  if (!status.ok()) {
    problem = StrCat(launcher::KindName(kind), ": ", status.error().message());
  }
  kind_problems_[static_cast<std::size_t>(kind)] = std::move(problem);
  RefreshAllProblems(now, effects);
  Pump(now, effects);
}

void Summoner::LauncherLost(const std::string& reason, Instant now, Effects& effects) {
  launcher_problem_ = reason.empty() ? "the launcher is gone" : reason;
  std::vector<ServiceId> at_rest;
  for (auto& [id, service] : services_) {
    service->prepared = false;
    service->prepare_problem.clear();
    RefreshProblem(*service, now, effects);
    if (const auto generation = LiveGeneration(service->state)) {
      launcher::EndReport report;
      report.reason = launcher::EndReason::kLost;
      report.detail = launcher_problem_;
      service->last_end = report;
      ++counters_.ends;
      if (KindOf(service->state.phase) != PhaseKind::kReclaiming) ++counters_.ends_unasked;
      Apply(*service, Ended{*generation, report.reason, report.detail, Admission::kQueued}, now,
            effects);
    }
    // Of a Lower that was under way nobody knows whether it was heard.
    if (const auto* asleep = std::get_if<Asleep>(&service->state.phase)) {
      Apply(*service, Rested{Rest(asleep->rest)}, now, effects);
    }
    if (service->removed) at_rest.push_back(id);
  }
  for (const ServiceId id : at_rest) EraseIfAtRest(id, effects);
}

void Summoner::Adopt(ServiceId id, const launcher::InventoryEntry& entry, Instant now,
                     Effects& effects) {
  Service* service = Find(id);
  if (service == nullptr) return;
  const bool live = LiveGeneration(service->state).has_value();
  if (!live) {
    ++counters_.adopted;
    service->kind = entry.kind;
    service->last_summon = Waterfall();
    service->last_summon.generation = entry.generation;
    service->last_summon.launched = entry.launched;
  }
  Apply(*service, Adopted{entry.generation, entry.ready}, now, effects);
  Pump(now, effects);
}

void Summoner::LauncherBack(Instant now, Effects& effects) {
  launcher_problem_.clear();
  for (std::string& problem : kind_problems_) problem.clear();
  RefreshAllProblems(now, effects);
  Pump(now, effects);
}

}  // namespace summon::summoner
