// SPDX-License-Identifier: Apache-2.0
// From the configuration to what a lookup may do; see the header.
#include "summoner/daemon/wake_guard.h"

#include <algorithm>

#include "base/random.h"
#include "base/strings.h"

namespace summon::summoner {

namespace {

WakeLimits LimitsOf(const configs::Wake& from) {
  WakeLimits limits;
  limits.proof = from.proof_always ? ProofPolicy::kAlways : ProofPolicy::kUnderPressure;
  limits.boots_per_second = from.boots_per_s;
  limits.boots_burst = from.boots_burst;
  limits.in_flight_max = from.in_flight_max;
  limits.queue_max = from.queue_max;
  limits.prefix_boots = from.boots_per_network;
  limits.prefix_services_per_hour = from.services_per_network;
  limits.service_interval = from.service_interval;
  limits.cool_down_max = from.cool_down_max;
  return limits;
}

dns::PrefixList ListOf(const configs::Networks& networks) {
  return networks ? dns::PrefixList(*networks) : dns::PrefixList::Everybody();
}

// The zone that `name` lies in: the one with the longest apex.
const configs::Zone* ZoneOf(const configs::Config& config, const dns::Name& name) {
  const configs::Zone* nearest = nullptr;
  for (const configs::Zone& zone : config.zones) {
    const auto apex = dns::Name::Parse(zone.apex);
    if (!apex.ok() || !name.IsSubdomainOf(*apex)) continue;
    if (nearest == nullptr || zone.apex.size() > nearest->apex.size()) nearest = &zone;
  }
  return nearest;
}

}  // namespace

WakeGuard::WakeGuard(const Summoner& summoner)
    : summoner_(summoner), key_(RandomSipKey()), budget_(WakeLimits()), access_(RandomSipKey()) {}

void WakeGuard::Configure(const configs::Config& config, const ServiceIds& ids) {
  budget_.SetLimits(LimitsOf(config.wake));
  trusted_ = dns::PrefixList(config.wake.trusted);
  dns::ZoneAccess access(RandomSipKey());
  bool any_list = false;
  for (const configs::Zone& zone : config.zones) {
    any_list = any_list || zone.allow_wake.has_value();
    const auto apex = dns::Name::Parse(zone.apex);
    if (apex.ok()) access.Add(*apex, ListOf(zone.allow_query));
  }
  access_ = std::move(access);

  std::unordered_map<ServiceId, Rules> rules;
  for (const configs::Service& service : config.services) {
    const auto id = ids.find(service.name);
    if (id == ids.end()) continue;  // it could not be registered
    Rules of;
    of.wake_on = service.policy.wake_on;
    if (service.policy.allow_wake) of.allow_wake.push_back(ListOf(service.policy.allow_wake));
    std::vector<const configs::Zone*> zones;
    for (const std::string& text : service.dns_names) {
      const auto name = dns::Name::Parse(text);
      const configs::Zone* zone = any_list && name.ok() ? ZoneOf(config, *name) : nullptr;
      if (zone == nullptr || !zone->allow_wake) continue;
      if (std::find(zones.begin(), zones.end(), zone) != zones.end()) continue;
      zones.push_back(zone);
      of.allow_wake.push_back(ListOf(zone->allow_wake));
    }
    rules.emplace(id->second, std::move(of));
  }
  for (const auto& [service, former] : rules_) {
    if (rules.contains(service)) continue;
    budget_.Forget(service);
    frames_.erase(service);
  }
  rules_ = std::move(rules);
}

WakeGuard::Waking WakeGuard::WakingOf(dns::RrType type) {
  switch (type) {
    case dns::RrType::kA:
    case dns::RrType::kAaaa: return Waking::kAddress;
    case dns::RrType::kHttps:
    case dns::RrType::kSvcb:
    case dns::RrType::kSrv: return Waking::kService;
    default: return Waking::kNever;
  }
}

bool WakeGuard::Allows(const Rules& rules, const dns::Endpoint& client) const {
  return std::all_of(rules.allow_wake.begin(), rules.allow_wake.end(),
                     [&](const dns::PrefixList& list) { return list.Contains(client); });
}

std::uint64_t WakeGuard::PrefixHash(const dns::Endpoint& client) const {
  const dns::Endpoint prefix = client.Prefix();
  std::array<std::uint8_t, 17> octets{};
  std::copy(prefix.octets.begin(), prefix.octets.end(), octets.begin());
  octets.back() = static_cast<std::uint8_t>(prefix.family);
  return SipHash24(key_, octets);
}

Proof WakeGuard::ProofOf(const dns::Query& query, std::uint64_t prefix, Instant now) {
  if (dns::IsStream(query.transport) || query.cookie_state() == dns::CookieState::kValid) {
    budget_.NoteProven(prefix, now);
    return Proof::kProven;
  }
  return budget_.HasProven(prefix, now) ? Proof::kSeen : Proof::kNone;
}

WakeRight WakeGuard::Consider(const dns::Query& query, ServiceId service, Instant now) {
  const Waking waking = WakingOf(query.type);
  const auto found = rules_.find(service);
  if (waking == Waking::kNever || found == rules_.end()) return WakeRight::kNothing;
  const Rules& rules = found->second;
  if (!Allows(rules, query.client)) {
    counters_.Count(AccessList::kWake);
    return WakeRight::kRefused;
  }
  if (!summoner_.IsAtRest(service)) return WakeRight::kWake;
  const bool wakes = rules.wake_on == configs::WakeOn::kService ||
                     (rules.wake_on == configs::WakeOn::kAddress && waking == Waking::kAddress);
  if (!wakes) {
    counters_.Count(LookupFate::kNotByLookup);
    return WakeRight::kNothing;
  }
  if (trusted_.Contains(query.client)) {
    counters_.Count(LookupFate::kTrusted);
    return WakeRight::kWake;
  }
  const std::uint64_t prefix = PrefixHash(query.client);
  const WakeVerdict verdict =
      budget_.Decide({service, prefix, ProofOf(query, prefix, now)},
                     {summoner_.in_flight(), summoner_.queued()}, now);
  counters_.Count(static_cast<LookupFate>(verdict));
  switch (verdict) {
    case WakeVerdict::kBoot: return WakeRight::kWake;
    case WakeVerdict::kProve: return WakeRight::kProve;
    default: return WakeRight::kRefused;
  }
}

void WakeGuard::OnStageReached(ServiceId service, launcher::Stage stage) {
  if (stage == launcher::Stage::kFirstPacketIn) budget_.OnUsed(service);
}

void WakeGuard::OnTapTraffic(ServiceId service, const launcher::Traffic& traffic) {
  // Frames of the guest's own are no use by anybody.
  std::uint64_t& seen = frames_[service];
  if (traffic.frames_to_guest > seen) budget_.OnUsed(service);
  seen = traffic.frames_to_guest;
}

}  // namespace summon::summoner
