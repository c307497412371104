// SPDX-License-Identifier: Apache-2.0
// The simulated launcher and its taps, with their faults.

#include <algorithm>

#include "base/strings.h"
#include "tests/summoner/sim_world.h"

namespace summon::summoner::sim {

using launcher::EndReason;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

}  // namespace

void World::Tell(std::function<void()> what) {
  if (!connected_) return;
  // In order, as over one socket.
  last_told_ = std::max(last_told_, now_ + random_.Millis(0, 1));
  ++under_way_;
  At(last_told_, [this, epoch = epoch_, what = std::move(what)] {
    if (epoch != epoch_) return;  // lost with its connection
    --under_way_;
    what();
  });
}

bool World::Usable(const ServiceSpec& spec) const {
  return (spec.kinds[0] && usable_[0]) || (spec.kinds[1] && usable_[1]);
}

std::uint64_t World::MemoryInUse() const {
  std::uint64_t mib = 0;
  for (const auto& [id, service] : services_) {
    mib += service.instance ? service.instance->mib : RestMib(service);
  }
  return mib;
}

std::uint64_t World::RestMib(const Service& service) {
  return (service.rest.memory_bytes + kMib - 1) / kMib;
}

std::uint32_t World::Booting() const {
  std::uint32_t booting = 0;
  for (const auto& [id, service] : services_) {
    if (service.instance && !service.instance->ready && !service.instance->ending) ++booting;
  }
  return booting;
}

void World::DoLaunch(InstanceId id) {
  const auto found = services_.find(id.service);
  if (found == services_.end() || !connected_ || !found->second.prepared) {
    return checker_.Fail(Invariant::kLaunchUnprepared,
                         StrCat("service ", static_cast<std::uint32_t>(id.service)));
  }
  Service& service = found->second;
  checker_.Launched(id);
  if (service.instance) {
    return checker_.Fail(Invariant::kOneInstance,
                         StrCat("service ", static_cast<std::uint32_t>(id.service), ": ",
                                id.generation, " launched while ", service.instance->generation,
                                " is there"));
  }
  Instance instance;
  instance.generation = id.generation;
  instance.mib = service.spec.memory_mib + kInstanceOverheadMib;
  instance.token = next_token_++;
  instance.kind = service.spec.kinds[0] ? launcher::Kind::kKvm : launcher::Kind::kProcess;
  instance.launched = now_;
  const bool damaged = faults_ && random_.Chance(fault_percent_);
  instance.from = damaged ? Rung::kOff : service.rest.rung;
  service.rest = Rest();
  service.instance = instance;
  if (MemoryInUse() > limits_.memory_budget_mib) {
    checker_.Fail(Invariant::kBudget,
                  StrCat(MemoryInUse(), " MiB of ", limits_.memory_budget_mib));
  }
  if (Booting() > limits_.summons_in_flight_max) {
    checker_.Fail(Invariant::kInFlight,
                  StrCat(Booting(), " of ", limits_.summons_in_flight_max));
  }
  ScheduleLife(service);
}

void World::ScheduleLife(Service& service) {
  const ServiceId id = service.id;
  const std::uint64_t token = service.instance->token;
  const InstanceId instance{id, service.instance->generation};
  if (!Usable(service.spec)) {
    return After(random_.Millis(0, 2),
                 [this, id, token] { End(id, token, EndReason::kUnavailable); });
  }
  Tell([this, instance, kind = service.instance->kind, from = service.instance->from] {
    summoner_.OnStage(instance, {launcher::Stage::kAssigned, now_, kind, from}, now_, effects_);
  });
  if (faults_ && random_.Chance(fault_percent_)) {  // ends before it is ready
    const auto reason = static_cast<EndReason>(random_.Between(1, 6));
    return After(random_.Millis(0, 800), [this, id, token, reason] { End(id, token, reason); });
  }
  if (faults_ && random_.Chance(fault_percent_ / 4)) return;  // is never ready
  const bool slow = faults_ && random_.Chance(fault_percent_);
  const bool wakes = service.instance->from != Rung::kOff;
  const Duration boot = slow ? random_.Millis(100, 8000) : random_.Millis(1, wakes ? 10 : 60);
  After(boot, [this, id, token] { BecomeReady(id, token); });
  if (!faults_ || !random_.Chance(fault_percent_)) return;
  const bool young = random_.Chance(50);
  After(boot + (young ? random_.Millis(0, 3000) : random_.Millis(6000, 60'000)),
        [this, id, token] {
          if (faults_) End(id, token, EndReason::kMonitorDied);
        });
}

void World::BecomeReady(ServiceId id, std::uint64_t token) {
  const auto found = services_.find(id);
  if (found == services_.end() || sabotage_ == Sabotage::kNeverReady) return;
  Service& service = found->second;
  if (!service.instance || service.instance->token != token || service.instance->ending) return;
  service.instance->ready = true;
  Note(StrCat("ready ", static_cast<std::uint32_t>(id)));
  Tell([this, instance = InstanceId{id, service.instance->generation},
        kind = service.instance->kind, from = service.instance->from, at = now_] {
    summoner_.OnStage(instance, {launcher::Stage::kReady, at, kind, from}, now_, effects_);
  });
  Measure(*service.instance);
  if (service.frames_waiting == 0) return;
  frames_served_ += service.frames_waiting;
  service.traffic.frames_to_guest += service.frames_waiting;
  service.frames_waiting = 0;
  TellTraffic(service);
}

void World::End(ServiceId id, std::uint64_t token, EndReason reason) {
  const auto found = services_.find(id);
  if (found == services_.end()) return;
  Service& service = found->second;
  if (!service.instance || service.instance->token != token) return;
  const InstanceId instance{id, service.instance->generation};
  service.rest = reason == EndReason::kReclaimed ? RestAfter(service) : Rest();
  service.rest_of_mib = service.instance->mib;
  service.instance.reset();
  service.packet_told = false;
  Note(StrCat("end ", static_cast<std::uint32_t>(id), " reason ", static_cast<int>(reason)));
  if (!connected_) lost_.push_back(instance);
  const int times = sabotage_ == Sabotage::kEndTwice ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    Tell([this, instance, reason, rest = service.rest] {
      checker_.EndedTold(instance);
      launcher::EndReport report;
      report.reason = reason;
      report.rest = rest;
      if (sabotage_ == Sabotage::kFreeRests) report.rest.memory_bytes = 0;
      summoner_.OnEnded(instance, report, now_, effects_);
    });
  }
  TellPacket(service);
}

void World::DoReclaim(const Reclaim& reclaim) {
  const InstanceId id = reclaim.instance;
  const auto found = services_.find(id.service);
  if (found == services_.end() || !found->second.instance) return;
  Instance& instance = *found->second.instance;
  if (instance.generation != id.generation || instance.ending) return;
  instance.ending = true;
  instance.rung = reclaim.rung;
  After(random_.Millis(0, 300), [this, service = id.service, token = instance.token] {
    End(service, token, EndReason::kReclaimed);
  });
}

// Where the instance that was reclaimed comes to rest.
Rest World::RestAfter(const Service& service) {
  const Instance& instance = *service.instance;
  const bool fails = faults_ && random_.Chance(fault_percent_ / 2);
  if (!instance.ready || fails) return Rest();
  const std::uint64_t bytes = (instance.mib - kInstanceOverheadMib) * kMib;
  if (instance.rung == Rung::kPaused) return {Rung::kPaused, bytes, 0};
  const bool snapshots = service.spec.snapshots && instance.kind == launcher::Kind::kKvm;
  if (!snapshots || instance.rung == Rung::kOff) return Rest();
  const auto used = static_cast<std::uint64_t>(
      random_.Between(1, static_cast<std::int64_t>(bytes)));
  if (instance.rung == Rung::kParked) return {Rung::kParked, used, 0};
  return {Rung::kSaved, 0, used};
}

void World::DoLower(const Lower& lower) {
  const auto found = services_.find(lower.service);
  if (found == services_.end() || !connected_) return;
  found->second.lowering = true;
  After(random_.Millis(0, 200), [this, lower] {
    const auto again = services_.find(lower.service);
    if (again == services_.end()) return;
    Service& service = again->second;
    service.lowering = false;
    if (service.instance || service.rest.rung >= lower.rung) return;
    const std::uint64_t used = service.rest.memory_bytes / 2;
    Rest rest;
    if (service.spec.snapshots && random_.Chance(80)) {
      if (lower.rung == Rung::kParked) rest = {Rung::kParked, used, 0};
      if (lower.rung == Rung::kSaved) rest = {Rung::kSaved, 0, used};
    }
    ChangeRest(service, rest);
  });
}

void World::ChangeRest(Service& service, const Rest& rest) {
  service.rest = rest;
  TellRest(service);
}

void World::TellRest(const Service& service) {
  Note(StrCat("rest ", static_cast<std::uint32_t>(service.id), " at ",
              static_cast<int>(service.rest.rung)));
  Tell([this, id = service.id, rest = service.rest] {
    summoner_.OnRest(id, rest, now_, effects_);
  });
}

// A monitor that waits is killed, a file is gone.
void World::LoseRest() {
  for (auto& [id, service] : services_) {
    if (service.rest.rung != Rung::kOff) return ChangeRest(service, Rest());
  }
}

void World::Measure(const Instance& instance) {
  if (!random_.Chance(20)) return;
  Tell([this, kind = instance.kind, from = instance.from, took = now_ - instance.launched] {
    summoner_.OnRungMeasured({.kind = kind, .rung = from, .samples = 3, .wake_p50 = took});
  });
}

void World::DoForget(ServiceId id) {
  const auto found = services_.find(id);
  if (found == services_.end() || found->second.configured) {
    return checker_.Fail(Invariant::kView, "forget of a service that was not removed");
  }
  if (!connected_) return;  // goes when the launcher is reached again
  if (found->second.instance) checker_.Fail(Invariant::kEndsOnce, "forgotten while it runs");
  services_.erase(found);
}

void World::Prepare(Service& service) {
  if (!connected_) return;
  const bool fails = faults_ && random_.Chance(fault_percent_ / 3);
  After(random_.Millis(0, 20), [this, id = service.id, fails, epoch = epoch_] {
    const auto found = services_.find(id);
    if (epoch != epoch_ || found == services_.end()) return;
    if (!fails) found->second.prepared = true;
    Service& prepared = found->second;
    const bool other = prepared.spec.memory_mib + kInstanceOverheadMib != prepared.rest_of_mib;
    const bool drops = !fails && other && prepared.rest.rung != Rung::kOff && !prepared.instance;
    Tell([this, id, fails] {
      const Status status = fails ? Status(Error(ErrorCode::kInvalid, "image: bad")) : Ok();
      summoner_.OnPrepared(id, status, now_, effects_);
    });
    if (drops) ChangeRest(prepared, Rest());
    TellPacket(found->second);
    if (fails) {
      After(random_.Millis(1000, 9000), [this, id] {  // the operator mends it
        const auto again = services_.find(id);
        if (again != services_.end()) Prepare(again->second);
      });
    }
  });
}

void World::FrameArrives(ServiceId id) {
  const auto found = services_.find(id);
  if (found == services_.end() || !found->second.configured) return;
  Service& service = found->second;
  if (service.instance && service.instance->ready) {
    ++frames_served_;
    ++service.traffic.frames_to_guest;
    return TellTraffic(service);
  }
  ++service.frames_waiting;
  TellPacket(service);
}

void World::TellPacket(Service& service) {
  if (!connected_ || !service.prepared || service.instance || service.packet_told) return;
  if (service.frames_waiting == 0 || sabotage_ == Sabotage::kDropPacket) return;
  service.packet_told = true;
  Tell([this, id = service.id, seen = now_] {
    summoner_.Request(id, {Trigger::kPacket, std::nullopt, seen}, now_, effects_);
  });
}

void World::TellTraffic(Service& service) {
  if (service.traffic_due) return;
  service.traffic_due = true;
  After(launcher::kTrafficPeriod, [this, id = service.id] {
    const auto found = services_.find(id);
    if (found == services_.end()) return;
    found->second.traffic_due = false;
    Tell([this, id, traffic = found->second.traffic] {
      summoner_.OnTraffic(id, traffic, now_);
    });
  });
}

// What a launcher must never say, yet a summoner has to survive: old generations.
void World::TellStale() {
  Service* service = Pick();
  if (service == nullptr) return;
  const auto status = summoner_.StatusOf(service->id);
  if (!status || status->generation < 2) return;
  const InstanceId old{service->id, static_cast<std::uint64_t>(random_.Between(
                                        1, static_cast<std::int64_t>(status->generation) - 1))};
  if (service->instance && service->instance->generation == old.generation) return;
  Note("stale events");
  summoner_.OnStage(old, {launcher::Stage::kReady, now_, launcher::Kind::kKvm}, now_, effects_);
  launcher::EndReport report;
  report.reason = EndReason::kMonitorDied;
  summoner_.OnEnded(old, report, now_, effects_);
}

void World::FlipAvailability() {
  const auto kind = static_cast<std::size_t>(random_.Between(0, 1));
  usable_[kind] = faults_ ? !usable_[kind] : true;
  Tell([this, kind, usable = usable_[kind]] {
    const Status status = usable ? Ok() : Status(Error(ErrorCode::kPermission, "no device"));
    summoner_.OnAvailability(static_cast<launcher::Kind>(kind), status, now_, effects_);
  });
}

void World::LoseLauncher() {
  if (!connected_) return;
  Note("launcher lost");
  connected_ = false;
  ++epoch_;
  under_way_ = 0;
  checker_.AllLost();
  for (auto& [id, service] : services_) service.prepared = false;
  summoner_.LauncherLost("launcherd is gone", now_, effects_);
  After(random_.Millis(50, 15'000), [this] { ReachLauncher(); });
}

void World::ReachLauncher() {
  if (connected_) return;
  Note("launcher back");
  connected_ = true;
  std::erase_if(services_, [](const auto& entry) { return !entry.second.configured; });
  for (auto& [id, service] : services_) {
    service.packet_told = false;
    if (!service.instance) continue;
    Instance& instance = *service.instance;
    instance.mib = service.spec.memory_mib + kInstanceOverheadMib;  // as it is accounted from now
    launcher::InventoryEntry entry;
    entry.generation = instance.generation;
    entry.kind = instance.kind;
    entry.ready = instance.ready;
    entry.launched = instance.launched;
    checker_.Adopted({id, instance.generation});
    summoner_.Adopt(id, entry, now_, effects_);
  }
  summoner_.LauncherBack(now_, effects_);
  for (std::size_t kind = 0; kind < launcher::kKinds; ++kind) {
    Tell([this, kind, usable = usable_[kind]] {
      const Status status = usable ? Ok() : Status(Error(ErrorCode::kPermission, "no device"));
      summoner_.OnAvailability(static_cast<launcher::Kind>(kind), status, now_, effects_);
    });
  }
  // What ended meanwhile is told late, as the real port over a socket does.
  for (const InstanceId instance : std::exchange(lost_, {})) {
    Tell([this, instance] {
      launcher::EndReport report;
      report.reason = EndReason::kLost;
      summoner_.OnEnded(instance, report, now_, effects_);
    });
  }
  for (auto& [id, service] : services_) {
    if (!service.instance) TellRest(service);
  }
  for (auto& [id, service] : services_) Prepare(service);
}

}  // namespace summon::summoner::sim
