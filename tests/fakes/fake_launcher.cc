// SPDX-License-Identifier: Apache-2.0
// The queue of the scripted launcher.
#include "tests/fakes/fake_launcher.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/strings.h"

namespace summon::fakes {

using launcher::EndReason;
using launcher::EndReport;
using launcher::Kind;
using launcher::LaunchOrder;
using launcher::Rest;
using launcher::Rung;
using launcher::Stage;
using launcher::StageReport;

namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

// Whether what rests of `former` can be woken as an instance of `order`.
bool SameMachine(const LaunchOrder& former, const LaunchOrder& order) {
  return former.images.front().path == order.images.front().path &&
         former.command_line == order.command_line && former.memory_mib == order.memory_mib &&
         former.snapshots == order.snapshots;
}

}  // namespace

FakeLauncher::FakeLauncher(const Clock& clock, launcher::Events& events)
    : clock_(clock), events_(events) {
  SetAvailability(Kind::kKvm, Ok());
  SetAvailability(Kind::kProcess, Ok());
}

void FakeLauncher::Prepare(ServiceId service, LaunchOrder order) {
  services_[service];
  const Duration wait = ScriptOf(service).prepare_takes;
  // std::function copies its target, and an order owns descriptors: it travels behind a pointer
  // that only this one callback has.
  auto carried = std::make_shared<LaunchOrder>(std::move(order));
  Later(wait, [this, service, carried] { FinishPrepare(service, std::move(*carried)); });
}

void FakeLauncher::FinishPrepare(ServiceId id, LaunchOrder order) {
  Service* service = Find(id);
  if (service == nullptr) return;  // forgotten meanwhile
  if (order.images.empty() || order.images.front().path == kBadImagePath) {
    events_.OnPrepared(id, Error(ErrorCode::kInvalid,
                                 StrCat("image \"", kBadImagePath, "\": not a Solo5 image")));
    return;
  }
  const bool drops = service->stands && service->rest.rung != Rung::kOff &&
                     !SameMachine(service->order, order);
  service->order = std::move(order);
  service->stands = true;
  events_.OnPrepared(id, Ok());
  if (drops) ChangeRest(id, Rest());
  TellPacketIfResting(id);
}

void FakeLauncher::Forget(ServiceId id) {
  Service* service = Find(id);
  if (service == nullptr) return;
  if (service->running && !service->running->ending) {
    const InstanceId instance = service->running->id;
    Later(ScriptOf(id).reclaim_takes, [this, instance] {
      events_.OnEnded(instance, EndReport{.reason = EndReason::kReclaimed});
    });
  } else if (service->running) {
    // Its end was asked for already and would find no service any more.
    const InstanceId instance = service->running->id;
    Later(Duration::zero(), [this, instance] {
      events_.OnEnded(instance, EndReport{.reason = EndReason::kReclaimed});
    });
  }
  services_.erase(id);
}

void FakeLauncher::Launch(InstanceId instance) {
  launches_.push_back(instance);
  Service* service = Find(instance.service);
  // Whatever ends but by Reclaim leaves nothing at rest.
  const Rest rest = service == nullptr ? Rest() : std::exchange(service->rest, Rest());
  const auto refuse = [this, instance](EndReason reason, std::string why) {
    Later(Duration::zero(), [this, instance, reason, why] {
      events_.OnEnded(instance, EndReport{.reason = reason, .detail = why});
    });
  };
  if (service == nullptr || !service->stands) {
    return refuse(EndReason::kHostFault, "the service is not prepared");
  }
  if (service->running) return refuse(EndReason::kHostFault, "the service has an instance");
  const FakeScript script = ScriptOf(instance.service);
  const Status& available = availability_.at(script.kind);
  if (!available.ok()) return refuse(EndReason::kUnavailable, available.error().message());

  const Rung from = script.wake_fails ? Rung::kOff : rest.rung;
  service->running = Running{.id = instance, .from = from, .script = script};
  const auto stage_at = [this, instance](Duration wait, Stage stage) {
    Later(wait, [this, instance, stage] { TellStage(instance, stage); });
  };
  stage_at(script.assigned_after, Stage::kAssigned);
  if (from != Rung::kOff) {
    stage_at(script.wake_takes.at(static_cast<std::size_t>(from)), Stage::kReady);
  } else {
    stage_at(script.loaded_after, Stage::kLoaded);
    stage_at(script.running_after, Stage::kRunning);
    if (script.ready_after) stage_at(*script.ready_after, Stage::kReady);
  }
  if (script.ends_after) {
    Later(*script.ends_after, [this, instance, report = script.end] {
      EndLater(instance, Duration::zero(), report);
    });
  }
}

void FakeLauncher::TellStage(InstanceId instance, Stage stage) {
  Service* service = Find(instance.service);
  if (service == nullptr || !service->running || service->running->id != instance ||
      service->running->ending) {
    return;
  }
  if (stage == Stage::kReady) {
    service->packet_waits = false;  // the guest reads its queue
    service->running->ready = true;
  }
  events_.OnStage(instance, StageReport{stage, clock_.Now(), service->running->script.kind,
                                        service->running->from});
}

void FakeLauncher::Reclaim(InstanceId instance, Rung rung) {
  reclaims_.push_back(instance);
  Service* service = Find(instance.service);
  if (service != nullptr && service->running && service->running->id == instance) {
    Running& running = *service->running;
    running.rung = running.ending ? std::max(running.rung, rung) : rung;
  }
  EndLater(instance, ScriptOf(instance.service).reclaim_takes,
           EndReport{.reason = EndReason::kReclaimed});
}

void FakeLauncher::Kill(InstanceId instance, EndReport report) {
  EndLater(instance, Duration::zero(), std::move(report));
}

void FakeLauncher::EndLater(InstanceId instance, Duration wait, EndReport report) {
  Service* service = Find(instance.service);
  if (service == nullptr || !service->running || service->running->id != instance ||
      service->running->ending) {
    return;
  }
  service->running->ending = true;
  Later(wait, [this, instance, report] {
    Service* ended = Find(instance.service);
    if (ended == nullptr || !ended->running || ended->running->id != instance) return;
    EndReport told = report;
    if (report.reason == EndReason::kReclaimed) told.rest = RestAt(*ended, ended->running->rung);
    ended->running.reset();
    ended->rest = told.rest;
    ended->packet_told = false;
    events_.OnEnded(instance, told);
    TellPacketIfResting(instance.service);
  });
}

Rest FakeLauncher::RestAt(const Service& service, Rung rung) {
  if (!service.running->ready) return Rest();  // nothing worth keeping yet
  const std::uint64_t bytes = service.order.memory_mib * kMib;
  const std::uint64_t used = bytes / 4;
  const bool snapshots = service.order.snapshots && service.running->script.snapshots;
  if (rung == Rung::kPaused) return Rest{Rung::kPaused, bytes, 0};
  if (!snapshots || rung == Rung::kOff) return Rest();
  if (rung == Rung::kParked) return Rest{Rung::kParked, used, 0};
  return Rest{Rung::kSaved, 0, used};
}

void FakeLauncher::Lower(ServiceId id, Rung rung) {
  const Service* service = Find(id);
  if (service == nullptr || service->running || service->rest.rung >= rung) return;
  const std::uint64_t used = service->rest.memory_bytes;
  const bool writes = service->order.snapshots && ScriptOf(id).snapshots;
  if (writes && rung == Rung::kParked) return ChangeRest(id, Rest{Rung::kParked, used, 0});
  if (writes && rung == Rung::kSaved) return ChangeRest(id, Rest{Rung::kSaved, 0, used});
  ChangeRest(id, Rest());
}

void FakeLauncher::LoseRest(ServiceId id) {
  const Service* service = Find(id);
  if (service != nullptr && service->rest.rung != Rung::kOff) ChangeRest(id, Rest());
}

void FakeLauncher::ChangeRest(ServiceId id, Rest rest) {
  Find(id)->rest = rest;
  Later(Duration::zero(), [this, id, rest] {
    const Service* service = Find(id);
    const bool holds = service != nullptr && !service->running && service->rest == rest;
    if (holds) events_.OnRest(id, rest);
  });
}

void FakeLauncher::SetMeasure(const launcher::RungMeasure& measure) {
  Later(Duration::zero(), [this, measure] { events_.OnRungMeasured(measure); });
}

Rest FakeLauncher::RestOf(ServiceId id) const {
  const auto found = services_.find(id);
  return found == services_.end() ? Rest() : found->second.rest;
}

void FakeLauncher::ReadConsole(ServiceId id, std::function<void(std::string)> done) {
  const Service* service = Find(id);
  std::string text = service == nullptr ? std::string() : service->console;
  Later(Duration::zero(), [done = std::move(done), text = std::move(text)] { done(text); });
}

void FakeLauncher::ReceivePacket(ServiceId id) {
  Service* service = Find(id);
  if (service == nullptr) return;
  service->packet_waits = true;
  Later(Duration::zero(), [this, id] { TellPacketIfResting(id); });
}

void FakeLauncher::TellPacketIfResting(ServiceId id) {
  Service* service = Find(id);
  if (service == nullptr || !service->stands || service->running || !service->packet_waits ||
      service->packet_told) {
    return;
  }
  service->packet_told = true;
  events_.OnPacket(id, clock_.Now());
}

void FakeLauncher::SetTraffic(ServiceId id, const launcher::Traffic& traffic) {
  Later(Duration::zero(), [this, id, traffic] {
    if (Find(id) != nullptr) events_.OnTraffic(id, traffic);
  });
}

void FakeLauncher::SetAvailability(Kind kind, Status status) {
  availability_[kind] = status;
  Later(Duration::zero(), [this, kind, status] { events_.OnAvailability(kind, status); });
}

void FakeLauncher::PrintToConsole(ServiceId id, std::string_view text) {
  Service* service = Find(id);
  if (service == nullptr) return;
  service->console += text;
  if (service->console.size() > kConsoleBytesMax) {
    service->console.erase(0, service->console.size() - kConsoleBytesMax);
  }
}

std::size_t FakeLauncher::Pump() {
  std::size_t told = 0;
  while (!queue_.empty() && queue_.begin()->first.at <= clock_.Now()) {
    auto next = queue_.extract(queue_.begin());
    next.mapped()();
    ++told;
  }
  return told;
}

Instant FakeLauncher::NextDue() const {
  return queue_.empty() ? kNever : queue_.begin()->first.at;
}

std::optional<InstanceId> FakeLauncher::Living(ServiceId id) const {
  const auto found = services_.find(id);
  if (found == services_.end() || !found->second.running) return std::nullopt;
  return found->second.running->id;
}

std::size_t FakeLauncher::living() const {
  std::size_t count = 0;
  for (const auto& [id, service] : services_) count += service.running.has_value() ? 1 : 0;
  return count;
}

bool FakeLauncher::prepared(ServiceId id) const { return order(id) != nullptr; }

const LaunchOrder* FakeLauncher::order(ServiceId id) const {
  const auto found = services_.find(id);
  return found == services_.end() || !found->second.stands ? nullptr : &found->second.order;
}

const FakeScript& FakeLauncher::ScriptOf(ServiceId service) const {
  const auto found = scripts_.find(service);
  return found == scripts_.end() ? default_script_ : found->second;
}

FakeLauncher::Service* FakeLauncher::Find(ServiceId id) {
  const auto found = services_.find(id);
  return found == services_.end() ? nullptr : &found->second;
}

void FakeLauncher::Later(Duration wait, std::function<void()> what) {
  queue_.emplace(Due{clock_.Now() + wait, next_sequence_++}, std::move(what));
}

}  // namespace summon::fakes
