// SPDX-License-Identifier: Apache-2.0
// Configuration, reloads, and reunion with a launcher; see the header.
#include "summoner/daemon/registrar.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/strings.h"
#include "summoner/daemon/orders.h"

namespace summon::summoner {

namespace {

void SetRest(Policy& policy, const configs::Policy& from) {
  policy.on_idle = OnIdle::kRest;
  switch (from.on_idle) {
    case configs::OnIdle::kOff: policy.rest_at = Rung::kOff; break;
    case configs::OnIdle::kKeepRunning: policy.on_idle = OnIdle::kKeepRunning; break;
    case configs::OnIdle::kPaused: policy.rest_at = Rung::kPaused; break;
    case configs::OnIdle::kParked: policy.rest_at = Rung::kParked; break;
    case configs::OnIdle::kSaved: policy.rest_at = Rung::kSaved; break;
    case configs::OnIdle::kAuto: policy.on_idle = OnIdle::kAuto; break;
  }
  policy.first_byte_slo = from.first_byte_slo;
  if (from.parked_after) {
    policy.descend_after[static_cast<std::size_t>(Rung::kParked)] = *from.parked_after;
  }
  if (from.saved_after) {
    policy.descend_after[static_cast<std::size_t>(Rung::kSaved)] = *from.saved_after;
  }
  if (from.off_after) {
    policy.descend_after[static_cast<std::size_t>(Rung::kOff)] = *from.off_after;
  }
}

Policy PolicyOf(const configs::Service& service, const configs::Limits& limits) {
  const configs::Policy& from = service.policy;
  Policy policy;
  policy.answer = from.answer == configs::AnswerPolicy::kImmediately ? AnswerMode::kImmediately
                                                                     : AnswerMode::kWhenReady;
  policy.hold_max = from.hold_max;
  policy.ttl_asleep = from.ttl_asleep;
  policy.ttl_ready = from.ttl_ready;
  policy.grace = from.grace;
  policy.idle_timeout = from.idle_timeout;
  SetRest(policy, from);
  policy.ready_timeout = from.ready_timeout;
  policy.waiters_max = limits.waiters_per_service_max;
  return policy;
}

ServiceSpec SpecOf(const configs::Service& service, const configs::Limits& limits) {
  ServiceSpec spec;
  spec.name = service.name;
  spec.policy = PolicyOf(service, limits);
  spec.memory_mib = service.memory_mib;
  spec.snapshots = service.policy.snapshots();
  using configs::LauncherChoice;
  spec.kinds[static_cast<std::size_t>(launcher::Kind::kKvm)] =
      service.launcher != LauncherChoice::kProcess && !service.image.empty();
  spec.kinds[static_cast<std::size_t>(launcher::Kind::kProcess)] =
      service.launcher != LauncherChoice::kKvm && !service.process_image.empty();
  return spec;
}

Limits LimitsOf(const configs::Limits& from) {
  return {.memory_budget_mib = from.memory_budget_mib,
          .summons_in_flight_max = from.summons_in_flight_max,
          .waiters_max = from.waiters_max};
}

// Tells one version of a file from another.
std::string FileSignature(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return "-";
  return StrCat(info.st_dev, ':', info.st_ino, ':', info.st_size, ':', info.st_mtim.tv_sec, ':',
                info.st_mtim.tv_nsec, ' ');
}

// Blocks on the file system: off the loop thread.
std::string SignatureOf(const configs::Service& service) {
  return FileSignature(service.image) + FileSignature(service.process_image);
}

std::uint32_t WallSeconds() {
  return static_cast<std::uint32_t>(WallNanos() / 1'000'000'000);
}

// True when a running instance was made from something that is no longer so.
bool NeedsNewInstance(const configs::Service& before, configs::Service after) {
  after.policy = before.policy;
  after.dns_names = before.dns_names;
  return !(after == before);
}

}  // namespace

Registrar::Registrar(Loop& loop, Logger& log, Conductor& conductor, configs::Config config)
    : loop_(loop),
      log_(log),
      conductor_(conductor),
      config_(std::move(config)),
      prepare_again_(loop, [this] { PrepareAgain(); }) {
  conductor_.SetNames([this](ServiceId service) { return NameOf(service); });
  conductor_.SetOnPrepared(
      [this](ServiceId service, const Status& status) { OnPrepared(service, status); });
}

void Registrar::OnPrepared(ServiceId service, const Status& status) {
  if (status.ok()) {
    if (prepare_failed_.erase(service) > 0) {
      log_.Info("service can run again", {{"service", NameOf(service)}});
    }
    return;
  }
  std::string& logged = prepare_failed_[service];
  if (logged != status.error().message()) {
    logged = status.error().message();
    log_.Error("service cannot run", {{"service", NameOf(service)}, {"why", logged}});
  }
  prepare_again_.Set(loop_.Now() + kPrepareAgainAfter);
}

const configs::Service* Registrar::FindService(ServiceId service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? nullptr : &found->second;
}

std::string Registrar::NameOf(ServiceId service) const {
  const configs::Service* found = FindService(service);
  return found != nullptr ? found->name : StrCat("#", static_cast<std::uint32_t>(service));
}

void Registrar::Register(const configs::Service& service, Instant now, Effects& effects) {
  const auto id = conductor_.summoner().Add(SpecOf(service, config_.limits), now, effects);
  if (!id.ok()) {
    log_.Error("service not registered", {{"service", service.name},
                                          {"why", id.error().message()}});
    return;
  }
  ids_[service.name] = *id;
  services_[*id] = service;
}

Result<std::unique_ptr<const dns::ZoneTable>> Registrar::RegisterAll() {
  conductor_.Change([this](Instant now, Effects& effects) {
    // What summon-launcherd has is not known yet. Nothing is prepared, so nothing is launched, and
    // lookups wait a little: an error would stay in resolvers for longer than it takes to connect.
    for (const configs::Service& service : config_.services) Register(service, now, effects);
  });
  guard_->Configure(config_, ids_);
  ZoneBuild zones = BuildZoneTable(config_, ids_, serials_, WallSeconds());
  serials_ = zones.serials;
  if (zones.table) return std::move(zones.table);
  LogProblems(zones);
  return Error(ErrorCode::kInvalid, StrCat("zones are not usable: ", zones.problems.size(),
                                           " problems"));
}

void Registrar::OnConnected(const std::vector<launcher::InventoryEntry>& inventory) {
  log_.Info("launcher connected", {{"instances", inventory.size()}});
  conductor_.Change([&](Instant now, Effects& effects) {
    for (const launcher::InventoryEntry& entry : inventory) {
      const auto id = ids_.find(entry.service);
      if (id == ids_.end()) continue;  // the launcher reclaims what nobody prepares
      log_.Info("adopted", {{"service", entry.service}, {"generation", entry.generation}});
      conductor_.summoner().Adopt(id->second, entry, now, effects);
    }
    conductor_.summoner().LauncherBack(now, effects);
  });
  std::vector<ServiceId> all;
  for (const auto& [id, service] : services_) all.push_back(id);
  PrepareServices(std::move(all), [this] { launcher_->DonePreparing(); });
}

void Registrar::OnDisconnected(const Status& why) {
  const std::string reason =
      StrCat("summon-launcherd cannot be reached", why.ok() ? "" : ": ",
             why.ok() ? "" : why.error().message());
  log_.Warning("launcher not connected", {{"why", reason}});
  conductor_.Change([&](Instant now, Effects& effects) {
    conductor_.summoner().LauncherLost(reason, now, effects);
  });
}

void Registrar::PrepareServices(std::vector<ServiceId> services, std::function<void()> done) {
  // Both lists go through the pool thread and back: shared by the two callbacks, used by one at a
  // time.
  auto wanted = std::make_shared<std::vector<configs::Service>>();
  auto prepared = std::make_shared<std::vector<Prepared>>();
  for (const ServiceId id : services) {
    if (const configs::Service* service = FindService(id)) wanted->push_back(*service);
  }
  const configs::Network network = config_.network;
  const ServiceIds ids = ids_;
  loop_.Offload(
      [wanted, prepared, network, ids] {
        for (const configs::Service& service : *wanted) {
          prepared->push_back({ids.at(service.name), service.name,
                               SignatureOf(service), MakeOrder(service, network)});
        }
      },
      [this, prepared, done] {
        for (Prepared& one : *prepared) HandOver(one);
        done();
      });
}

void Registrar::HandOver(Prepared& prepared) {
  const auto current = ids_.find(prepared.name);
  if (current == ids_.end() || current->second != prepared.service) return;  // removed meanwhile
  if (!prepared.order.ok()) {
    conductor_.OnPrepared(prepared.service, Status(prepared.order.error()));
    return;
  }
  signatures_[prepared.service] = prepared.signature;
  launcher_->Prepare(prepared.service, std::move(prepared.order).value());
}

void Registrar::PrepareAgain() {
  if (!launcher_->connected()) return;  // all are prepared once it is
  std::vector<ServiceId> failed;
  for (const auto& [service, why] : prepare_failed_) failed.push_back(service);
  PrepareServices(std::move(failed), [] {});
}

void Registrar::LogDiagnostics(const configs::LoadOutcome& outcome) {
  for (const configs::Diagnostic& error : outcome.errors) {
    log_.Error("configuration", {{"problem", error.ToString()}});
  }
  for (const configs::Diagnostic& warning : outcome.warnings) {
    log_.Warning("configuration", {{"problem", warning.ToString()}});
  }
}

void Registrar::Reload(ConfigSource source, std::function<void(ReloadOutcome)> done) {
  auto pending = std::make_unique<PendingReload>(
      PendingReload{std::move(source), std::move(done)});
  if (reloading_) {
    reload_next_ = std::move(pending);
    return;
  }
  reloading_ = std::move(pending);
  StartReload();
}

void Registrar::StartReload() {
  // Filled on a pool thread, then read on the loop's; never both at a time.
  auto reloaded = std::make_shared<Reloaded>();
  const auto load = reloading_->source.load;
  loop_.Offload(
      [load, reloaded] {
        reloaded->outcome = load();
        if (!reloaded->outcome.ok()) return;
        for (const configs::Service& service : reloaded->outcome.config->services) {
          reloaded->signatures[service.name] = SignatureOf(service);
        }
      },
      [this, reloaded] {
        LogDiagnostics(reloaded->outcome);
        if (reloaded->outcome.ok()) return BuildZones(reloaded);
        LogRejected(reloaded->outcome.errors.size());
        FinishReload(ReloadOutcome::kRejected);
      });
}

// Nothing may be changed before the zones are known to be right, and they are built before their
// new services are registered: with the ids that these will get.
void Registrar::BuildZones(const std::shared_ptr<Reloaded>& reloaded) {
  auto next = static_cast<std::uint32_t>(conductor_.summoner().next_id());
  for (const configs::Service& service : reloaded->outcome.config->services) {
    const auto known = ids_.find(service.name);
    reloaded->ids[service.name] = known == ids_.end() ? ServiceId{next++} : known->second;
  }
  loop_.Offload(
      [reloaded, serials = serials_] {
        reloaded->zones =
            BuildZoneTable(*reloaded->outcome.config, reloaded->ids, serials, WallSeconds());
      },
      [this, reloaded] { FinishReload(Consider(*reloaded)); });
}

void Registrar::FinishReload(ReloadOutcome outcome) {
  reloading_->done(outcome);
  reloading_ = std::move(reload_next_);
  if (reloading_) StartReload();
}

void Registrar::LogProblems(const ZoneBuild& zones) {
  for (const std::string& problem : zones.problems) log_.Error("zones", {{"problem", problem}});
}

void Registrar::LogRejected(std::size_t errors) {
  log_.Error("configuration not reloaded; the former one stays",
             {{"file", reloading_->source.name}, {"errors", errors}});
}

ReloadOutcome Registrar::Consider(Reloaded& reloaded) {
  LogProblems(reloaded.zones);
  if (!reloaded.zones.table) {
    LogRejected(reloaded.zones.problems.size());
    return ReloadOutcome::kRejected;
  }
  Apply(reloaded);
  return ReloadOutcome::kApplied;
}

std::vector<ServiceId> Registrar::ReplaceChanged(const Reloaded& reloaded, bool limits_changed) {
  const configs::Config& next = *reloaded.outcome.config;
  std::vector<ServiceId> to_prepare;
  for (const configs::Service& service : next.services) {
    const auto known = ids_.find(service.name);
    if (known == ids_.end()) continue;
    const ServiceId id = known->second;
    // A newer file under the same entry holds from the next launch.
    if (signatures_[id] != reloaded.signatures.at(service.name)) to_prepare.push_back(id);
    const configs::Service before = services_.at(id);
    if (before == service && !limits_changed) continue;
    conductor_.Change([&](Instant now, Effects& effects) {
      conductor_.summoner().Replace(id, SpecOf(service, next.limits), now, effects);
    });
    services_[id] = service;
    const bool needs_new = NeedsNewInstance(before, service);
    // Snapshots stand in the order; they can be made from the next launch on.
    const bool other_order = before.policy.snapshots() != service.policy.snapshots();
    if (!needs_new && !other_order) continue;
    if (to_prepare.empty() || to_prepare.back() != id) to_prepare.push_back(id);
    if (needs_new) conductor_.Reclaim(id, Rung::kOff);
  }
  return to_prepare;
}

void Registrar::Apply(Reloaded& reloaded) {
  const configs::ConfigDiff diff = configs::Diff(config_, *reloaded.outcome.config);
  std::vector<ServiceId> to_prepare = ReplaceChanged(reloaded, diff.limits_changed);
  config_ = std::move(*reloaded.outcome.config);
  conductor_.Change([&](Instant now, Effects& effects) {
    for (const std::string& name : diff.removed) {
      const ServiceId id = ids_.at(name);
      conductor_.summoner().Remove(id, now, effects);
      ids_.erase(name);
      services_.erase(id);
      signatures_.erase(id);
      prepare_failed_.erase(id);
    }
    conductor_.summoner().SetLimits(LimitsOf(config_.limits), now, effects);
    for (const configs::Service& service : config_.services) {
      if (ids_.contains(service.name)) continue;
      Register(service, now, effects);
      if (ids_.contains(service.name)) to_prepare.push_back(ids_.at(service.name));
    }
  });
  if (ids_ != reloaded.ids) {
    // A service could not be registered, which has been logged: the table would call it by an id
    // that another one will get.
    log_.Error("zones stay as they were", {{"why", "not every service could be registered"}});
  } else {
    serials_ = reloaded.zones.serials;
    // Shared by the two callbacks of the pool, used by the first only: taking a million names apart
    // would hold up queries. Transfers that go on from it keep it until they end.
    auto former = std::make_shared<dns::SharedTable>(
        frontend_->Swap(std::move(reloaded.zones.table)));
    loop_.Offload([former] { former->reset(); }, [] {});
  }
  guard_->Configure(config_, ids_);
  for (const std::string& setting : diff.needs_restart) {
    log_.Warning("setting takes effect at the next start", {{"setting", setting}});
  }
  log_.Info("configuration reloaded",
            {{"added", diff.added.size()}, {"removed", diff.removed.size()},
             {"changed", diff.changed.size()}, {"unchanged", diff.unchanged.size()}});
  if (launcher_->connected()) PrepareServices(std::move(to_prepare), [] {});
}

}  // namespace summon::summoner
