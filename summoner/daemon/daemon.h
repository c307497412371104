// SPDX-License-Identifier: Apache-2.0
#pragma once
// All parts of summond, built in order and kept together. One loop thread.

#include <memory>
#include <string>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "dns/dnssec/online_signer.h"
#include "dns/server.h"
#include "launcher/rpc/rpc_launcher.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/control_server.h"
#include "summoner/daemon/forwarding.h"
#include "summoner/daemon/frontend.h"
#include "summoner/daemon/manners.h"
#include "summoner/daemon/measures.h"
#include "summoner/daemon/registrar.h"
#include "summoner/daemon/secondaries.h"
#include "summoner/daemon/secure_dns.h"
#include "summoner/daemon/wake_guard.h"
#include "summoner/summoner.h"

namespace summon::summoner {

class Daemon final {
 public:
  // Binds every socket and begins to serve when the loop runs. `loop` and `log` outlive it.
  // Errors: a port or socket in use, an address that is not here; each says how to mend it.
  static Result<std::unique_ptr<Daemon>> Create(Loop& loop, Logger& log, configs::Config config);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Reads the configuration again; a bad one changes nothing and is logged.
  void Reload(Registrar::ConfigSource source);

 private:
  Daemon(Loop& loop, Logger& log, configs::Config config);
  Status Start();
  Status StartDns();
  Status StartForwarding();

  Loop& loop_;
  Logger& log_;
  Summoner summoner_;
  Conductor conductor_;
  WakeGuard guard_;
  Registrar registrar_;
  const SystemClock clock_;
  // Before what uses it.
  std::unique_ptr<dns::dnssec::OnlineSigner> signer_;
  std::unique_ptr<Measures> measures_;
  std::unique_ptr<launcher::RpcLauncher> launcher_;
  std::unique_ptr<Secondaries> secondaries_;
  std::unique_ptr<Frontend> frontend_;
  std::unique_ptr<SecureDns> secure_dns_;  // null without TLS
  std::unique_ptr<dns::Server> server_;
  std::unique_ptr<MannersKeeper> manners_;
  std::unique_ptr<Forwarding> forwarding_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace summon::summoner
