// SPDX-License-Identifier: Apache-2.0
// From the configuration to a forwarder; see the header.
#include "summoner/daemon/forwarding.h"

#include "base/strings.h"

namespace summon::summoner {

namespace {

dns::Endpoint EndpointOf(const configs::Endpoint& from) {
  if (const auto* ipv6 = std::get_if<Ipv6Address>(&from.host)) {
    return dns::Endpoint::Ipv6(*ipv6, from.port);
  }
  return dns::Endpoint::Ipv4(std::get<Ipv4Address>(from.host), from.port);
}

Result<dns::forward::Rule> RuleOf(const configs::ForwardRule& from,
                                  const std::vector<dns::Endpoint>& own) {
  dns::forward::Rule rule;
  rule.zone = SUMMON_TRY(dns::Name::Parse(from.zone));
  for (const configs::Endpoint& upstream : from.upstreams) {
    const dns::Endpoint endpoint = EndpointOf(upstream);
    if (dns::forward::IsOwnEndpoint(endpoint, own)) {
      return Error(ErrorCode::kInvalid,
                   StrCat("forward ", Quote(from.zone), ": upstream ", endpoint.ToString(),
                          " is this server itself; questions would go in a circle"));
    }
    rule.upstreams.push_back(endpoint);
  }
  rule.resolv_conf = from.resolv_conf;
  rule.rebind_protection = from.rebind_protection;
  rule.trust_ad = from.trust_ad;
  rule.mix_case = from.mix_case;
  return rule;
}

Result<dns::forward::Settings> SettingsOf(const configs::Forwarding& config,
                                          const std::vector<dns::Endpoint>& own) {
  dns::forward::Settings settings;
  for (const configs::ForwardRule& rule : config.rules) {
    settings.rules.push_back(SUMMON_TRY(RuleOf(rule, own)));
  }
  settings.allow_recursion = config.allow_recursion;
  for (const std::string& zone : config.private_zones) {
    settings.private_zones.push_back(SUMMON_TRY(dns::Name::Parse(zone)));
  }
  settings.cache.entries_max = config.cache_entries_max;
  settings.cache.octets_max = std::size_t{config.cache_mib_max} << 20;
  settings.cache.ttl_max_s = static_cast<std::uint32_t>(config.ttl_max.count());
  settings.cache.negative_ttl_max_s = static_cast<std::uint32_t>(config.negative_ttl_max.count());
  settings.cache.stale_max_s = static_cast<std::uint32_t>(config.stale_max.count());
  settings.in_flight_max = config.in_flight_max;
  settings.own_endpoints = own;
  return settings;
}

}  // namespace

Forwarding::Forwarding(const Parts& parts)
    : parts_(parts), left_(parts.loop, [this] { leaving_.reset(); }) {}

Result<std::unique_ptr<Forwarding>> Forwarding::Create(const Parts& parts,
                                                       const configs::Forwarding& config) {
  std::unique_ptr<Forwarding> made(new Forwarding(parts));
  SUMMON_TRY(made->Apply(config));
  return made;
}

Status Forwarding::Apply(const configs::Forwarding& config) {
  std::unique_ptr<dns::forward::Forwarder> next;
  if (!config.rules.empty()) {
    const auto settings = SUMMON_TRY(SettingsOf(config, parts_.own_endpoints));
    next = SUMMON_TRY(dns::forward::Forwarder::Create(parts_.loop, parts_.log, settings, counters_,
                                                      parts_.send));
  }
  leaving_ = std::move(current_);
  if (leaving_) leaving_->Leave();
  counters_.in_flight = counters_.waiting = 0;
  counters_.cache_entries = counters_.cache_octets = 0;
  current_ = std::move(next);
  config_ = config;
  if (leaving_) left_.Set(parts_.loop.Now() + kLeaveFor);
  return Ok();
}

void Forwarding::Reload(const configs::Forwarding& config) {
  if (config == config_) return;
  const Status applied = Apply(config);
  if (applied.ok()) return;
  parts_.log.Error("the former rules of forwarding stay", {{"why", applied.error().message()}});
}

bool Forwarding::Take(const dns::Query& query, dns::Responder& responder) {
  return current_ && current_->Take(query, responder);
}

}  // namespace summon::summoner
