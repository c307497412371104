// SPDX-License-Identifier: Apache-2.0
// Building and wiring the parts of summond; see the header.
#include "summoner/daemon/daemon.h"

#include "base/descriptor_limit.h"
#include "base/strings.h"

namespace summon::summoner {

namespace {

Limits LimitsOf(const configs::Config& config) {
  return {.memory_budget_mib = config.limits.memory_budget_mib,
          .summons_in_flight_max = config.limits.summons_in_flight_max,
          .waiters_max = config.limits.waiters_max};
}

Result<std::vector<dns::Endpoint>> ListenAddresses(const configs::Config& config) {
  std::vector<dns::Endpoint> addresses;
  for (const configs::Endpoint& endpoint : config.listen) {
    addresses.push_back(SUMMON_TRY(dns::Endpoint::Parse(endpoint.ToString())));
  }
  return addresses;
}

std::optional<dns::RateLimitOptions> RateLimitOf(const configs::RateLimit& from) {
  if (!from.enabled) return std::nullopt;
  dns::RateLimitOptions options;
  options.per_second = {from.positive_per_s, from.no_data_per_s, from.nxdomain_per_s,
                        from.error_per_s};
  options.burst_factor = from.burst_factor;
  options.slip = from.slip;
  options.buckets = from.buckets;
  options.exempt = dns::PrefixList(from.exempt);
  return options;
}

}  // namespace

Daemon::Daemon(Loop& loop, Logger& log, configs::Config config)
    : loop_(loop),
      log_(log),
      summoner_(LimitsOf(config)),
      conductor_(loop, log, summoner_),
      guard_(summoner_),
      registrar_(loop, log, conductor_, std::move(config)) {}

Result<std::unique_ptr<Daemon>> Daemon::Create(Loop& loop, Logger& log, configs::Config config) {
  std::unique_ptr<Daemon> daemon(new Daemon(loop, log, std::move(config)));
  SUMMON_TRY(daemon->Start());
  return daemon;
}

Status Daemon::Start() {
  const configs::Config& config = registrar_.config();
  registrar_.UseGuard(guard_);
  auto zones = SUMMON_TRY(registrar_.RegisterAll());
  dns::dnssec::OnlineSigner::Options signing;
  signing.signatures_per_s = config.dns.signatures_per_s;
  signing.on_wrong_clock = [this] {
    log_.Error("answers are not signed",
               {{"why", "the clock shows a time before the zone's key was made; set it right"}});
  };
  signer_ = std::make_unique<dns::dnssec::OnlineSigner>(clock_, std::move(signing));
  measures_ = std::make_unique<Measures>(loop_, conductor_);
  measures_->UseSigner(*signer_);
  conductor_.AddObserver(*measures_);
  conductor_.AddObserver(guard_);
  frontend_ = std::make_unique<Frontend>(Frontend::Others{conductor_, *measures_, guard_},
                                         std::move(zones));
  registrar_.UseFrontend(*frontend_);
  frontend_->UseSigner(*signer_);
  frontend_->UseLog(log_);
  secondaries_ = std::make_unique<Secondaries>(
      loop_, log_, [this](const dns::Query& query, const dns::Response& response) {
        measures_->CountQuery(query, response);
      });
  frontend_->UseTransfers(secondaries_->transfers());
  measures_->UseSecondaries(*secondaries_);

  SUMMON_TRY(StartDns());
  SUMMON_TRY(StartForwarding());
  secondaries_->UseSources(server_->addresses());
  secondaries_->OnZones(config, frontend_->zones());
  if (config.metrics_listen) SUMMON_TRY(measures_->Serve(*config.metrics_listen));

  launcher_ = std::make_unique<launcher::RpcLauncher>(
      loop_, log_, conductor_,
      launcher::RpcLauncherOptions{
          .socket_path = config.launcher_socket,
          .on_connected = [this](const std::vector<launcher::InventoryEntry>& inventory) {
            registrar_.OnConnected(inventory);
          },
          .on_disconnected = [this](const Status& why) { registrar_.OnDisconnected(why); }});
  conductor_.UseLauncher(*launcher_);
  registrar_.UseLauncher(*launcher_);

  if (!config.control_socket.empty()) {
    control_ = SUMMON_TRY(ControlServer::Create(loop_, log_, config.control_socket, conductor_,
                                                registrar_, *launcher_));
    conductor_.AddObserver(*control_);
  }

  log_.Info("started", {{"services", config.services.size()},
                        {"zones", config.zones.size()},
                        {"control_socket", config.control_socket},
                        {"memory_budget_mib", config.limits.memory_budget_mib}});
  return Ok();
}

Status Daemon::StartForwarding() {
  const Forwarding::Parts parts{
      loop_, log_, server_->addresses(),
      [this](const dns::Query& query, dns::Responder& responder, const dns::Response& response) {
        frontend_->SendForwarded(query, responder, response);
      }};
  forwarding_ = SUMMON_TRY(Forwarding::Create(parts, registrar_.config().forwarding));
  frontend_->UseForwarding(*forwarding_);
  measures_->UseForwardCounters(forwarding_->counters());
  return Ok();
}

Status Daemon::StartDns() {
  const configs::Config& config = registrar_.config();
  dns::ServerOptions options;
  options.listen = SUMMON_TRY(ListenAddresses(config));
  options.tcp = TcpLimitsOf(config);
  WarnOfDescriptors(log_, config.tcp, DescriptorLimit());
  options.rate_limit = RateLimitOf(config.rate_limit);
  if (config.tls) {
    secure_dns_ = SUMMON_TRY(
        SecureDns::Create(loop_, log_, *config.tls, [this](std::int64_t expires_s) {
          measures_->SetCertificateExpiry(expires_s);
        }));
    options.listen_secure = secure_dns_->Listen(*config.tls);
  }
  server_ = SUMMON_TRY(dns::Server::Create(loop_, options, *frontend_));
  measures_->UseDnsCounters(server_->counters());
  measures_->UseLookupCounters(guard_.counters());
  manners_ = SUMMON_TRY(MannersKeeper::Create(
      loop_, log_, config.dns,
      [this](const dns::Manners& manners) { server_->SetManners(manners); }));
  for (const dns::Endpoint& address : server_->addresses()) {
    log_.Info("listening", {{"dns", address.ToString()}});
  }
  for (const dns::Endpoint& address : server_->secure_addresses()) {
    log_.Info("listening", {{"dns_over_tls", address.ToString()}});
  }
  return Ok();
}

void Daemon::Reload(Registrar::ConfigSource source) {
  registrar_.Reload(std::move(source), [this](ReloadOutcome outcome) {
    measures_->OnReload(outcome);
    // A certificate must be renewed whatever else is wrong.
    const auto& tls = registrar_.config().tls;
    if (secure_dns_ && tls) secure_dns_->Reload(*tls);
    if (outcome != ReloadOutcome::kApplied) return;
    secondaries_->OnZones(registrar_.config(), frontend_->zones());
    manners_->Reload(registrar_.config().dns);
    signer_->set_signatures_per_s(registrar_.config().dns.signatures_per_s);
    forwarding_->Reload(registrar_.config().forwarding);
  });
}

}  // namespace summon::summoner
