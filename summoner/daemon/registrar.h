// SPDX-License-Identifier: Apache-2.0
#pragma once
// The registrar keeps what is configured, and tells the others when it changes: the summoner
// (services and limits), the frontend (zones) and the launcher (orders). It also reunites services
// with instances that outlived a former summond. One loop thread; files are read off it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "configs/load.h"
#include "launcher/rpc/rpc_launcher.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/frontend.h"
#include "summoner/daemon/measures.h"
#include "summoner/daemon/wake_guard.h"
#include "summoner/daemon/zone_data.h"

namespace summon::summoner {

class Registrar final {
 public:
  // How long an order that was refused (an image that is missing or wrong) rests before it is
  // tried again without anybody asking.
  static constexpr Duration kPrepareAgainAfter = std::chrono::seconds(2);

  // All outlive the registrar. `config` has been checked.
  Registrar(Loop& loop, Logger& log, Conductor& conductor, configs::Config config);
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  // Registers every service. Errors: what DNS data cannot hold; each problem has been logged.
  // Blocks on zone files: before the loop runs.
  Result<std::unique_ptr<const dns::ZoneTable>> RegisterAll();
  // Before RegisterAll; told of every change of the configuration.
  void UseGuard(WakeGuard& guard) { guard_ = &guard; }
  void UseFrontend(Frontend& frontend) { frontend_ = &frontend; }
  void UseLauncher(launcher::RpcLauncher& launcher) { launcher_ = &launcher; }

  // --- the connection to the launcher ---
  void OnConnected(const std::vector<launcher::InventoryEntry>& inventory);
  void OnDisconnected(const Status& why);

  // Where a configuration comes from. `load` runs on a pool thread.
  struct ConfigSource {
    std::string name;
    std::function<configs::LoadOutcome()> load;
  };
  // Reads it again, zone files too. A bad one changes nothing. `done` runs later, or never for a
  // reload that is asked for while another one waits already: that one reads the newest files.
  void Reload(ConfigSource source, std::function<void(ReloadOutcome)> done);

  const configs::Config& config() const { return config_; }
  const ServiceIds& ids() const { return ids_; }
  // Nothing for a service that is not (or no longer) configured.
  const configs::Service* FindService(ServiceId service) const;
  std::string NameOf(ServiceId service) const;

 private:
  // What the files of a service looked like when its order was made.
  using Signature = std::string;
  struct Prepared {
    ServiceId service{};
    std::string name;
    Signature signature;
    Result<launcher::LaunchOrder> order;
  };

  // A file that was read again, with what its services' files look like.
  struct Reloaded {
    configs::LoadOutcome outcome;
    std::map<std::string, Signature> signatures;
    ServiceIds ids;   // of all its services, those that are still to be registered included
    ZoneBuild zones;
  };
  struct PendingReload {
    ConfigSource source;
    std::function<void(ReloadOutcome)> done;
  };

  void Register(const configs::Service& service, Instant now, Effects& effects);
  void PrepareServices(std::vector<ServiceId> services, std::function<void()> done);
  void HandOver(Prepared& prepared);
  void PrepareAgain();
  void OnPrepared(ServiceId service, const Status& status);
  void StartReload();
  void BuildZones(const std::shared_ptr<Reloaded>& reloaded);
  void FinishReload(ReloadOutcome outcome);
  ReloadOutcome Consider(Reloaded& reloaded);
  void Apply(Reloaded& reloaded);
  void LogProblems(const ZoneBuild& zones);
  void LogRejected(std::size_t errors);
  std::vector<ServiceId> ReplaceChanged(const Reloaded& reloaded, bool limits_changed);
  void LogDiagnostics(const configs::LoadOutcome& outcome);

  Loop& loop_;
  Logger& log_;
  Conductor& conductor_;
  WakeGuard* guard_ = nullptr;
  Frontend* frontend_ = nullptr;
  launcher::RpcLauncher* launcher_ = nullptr;
  configs::Config config_;
  ServiceIds ids_;
  std::map<ServiceId, configs::Service> services_;
  std::map<ServiceId, Signature> signatures_;
  // Orders that do not stand: why, as it was logged.
  std::map<ServiceId, std::string> prepare_failed_;
  ZoneSerials serials_;
  Timer prepare_again_;
  // One reload at a time; one more may wait for it.
  std::unique_ptr<PendingReload> reloading_;
  std::unique_ptr<PendingReload> reload_next_;
};

}  // namespace summon::summoner
