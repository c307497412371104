// SPDX-License-Identifier: Apache-2.0
// Certificates from files; see the header.
#include "summoner/daemon/secure_dns.h"

#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace summon::summoner {

namespace {

// What else is open: listeners, the launcher, the control socket and who asks there, metrics,
// questions to other servers.
constexpr std::uint64_t kOtherDescriptors = 256;

dns::tls::Files FilesOf(const configs::Tls& config) { return {config.certificate, config.key}; }

std::string DateText(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  std::array<char, 32> text{};
  if (!gmtime_r(&time, &parts)) return "?";
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);  // it has room
  return text.data();
}

}  // namespace

SecureDns::SecureDns(Loop& loop, Logger& log, OnChange on_change, dns::tls::Identity identity)
    : loop_(loop),
      log_(log),
      on_change_(std::move(on_change)),
      source_(loop, std::move(identity)) {}

Result<std::unique_ptr<SecureDns>> SecureDns::Create(Loop& loop, Logger& log,
                                                     const configs::Tls& config,
                                                     OnChange on_change) {
  auto identity = SUMMON_TRY(dns::tls::Identity::Load(FilesOf(config)).Wrap("tls"));
  std::unique_ptr<SecureDns> secure(
      new SecureDns(loop, log, std::move(on_change), std::move(identity)));
  secure->Announce(config);
  return secure;
}

std::vector<dns::SecureListen> SecureDns::Listen(const configs::Tls& config) {
  std::vector<dns::SecureListen> listen;
  for (const configs::Endpoint& endpoint : config.listen) {
    const auto parsed = dns::Endpoint::Parse(endpoint.ToString());
    SUMMON_CHECK(parsed.ok());  // the configuration has been checked
    listen.push_back({parsed.value(), &source_});
  }
  return listen;
}

void SecureDns::Reload(const configs::Tls& config) {
  using Loaded = std::optional<Result<dns::tls::Identity>>;
  auto loaded = std::make_shared<Loaded>();
  loop_.Offload([files = FilesOf(config),
                 loaded] { loaded->emplace(dns::tls::Identity::Load(files)); },
                [this, config, loaded, reload = ++reloads_] {
                  if (reload != reloads_) return;
                  Result<dns::tls::Identity>& identity = **loaded;
                  if (!identity.ok()) {
                    log_.Error("the former certificate stays",
                               {{"why", identity.error().message()}});
                    return;
                  }
                  source_.Use(std::move(identity).value());
                  Announce(config);
                });
}

void SecureDns::Announce(const configs::Tls& config) {
  const dns::tls::Identity& identity = source_.identity();
  on_change_(identity.expires_s());
  log_.Info("certificate", {{"file", config.certificate},
                            {"subject", identity.subject()},
                            {"expires", DateText(identity.expires_s())}});
  for (const std::string& warning : identity.warnings()) {
    log_.Warning("certificate", {{"why", warning}});
  }
}

void WarnOfDescriptors(Logger& log, const configs::Tcp& tcp, std::uint64_t descriptors) {
  const std::uint64_t needed = tcp.connections_max + kOtherDescriptors;
  if (descriptors >= needed) return;
  log.Warning("fewer connections than configured",
              {{"why", StrCat("tcp.connections_max is ", tcp.connections_max, ", but only ",
                              descriptors, " descriptors are allowed; allow ", needed,
                              " (\"ulimit -Hn\", LimitNOFILE) or lower it")}});
}

dns::TcpLimits TcpLimitsOf(const configs::Config& config) {
  dns::TcpLimits limits;
  const configs::Tcp& tcp = config.tcp;
  limits.connections_max = tcp.connections_max;
  limits.per_prefix_max = tcp.per_prefix_max;
  limits.per_local_prefix_max = tcp.per_local_prefix_max;
  limits.first_octet = tcp.first_octet;
  limits.idle = tcp.idle;
  limits.idle_crowded = tcp.idle_crowded;
  limits.message = tcp.message;
  limits.write_stall = tcp.write_stall;
  limits.unanswered_max = tcp.unanswered_max;
  limits.unsent_max = std::size_t{tcp.unsent_max_kib} * 1024;
  if (config.tls) {
    limits.handshake = config.tls->handshake;
    limits.handshakes_per_second = config.tls->handshakes_per_second_max;
  }
  return limits;
}

}  // namespace summon::summoner
