// SPDX-License-Identifier: Apache-2.0
// Forwarding: rules, servers, and for whom.
#include <algorithm>

#include "base/prefix.h"
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr Range kCacheEntries{16, 10'000'000};
constexpr Range kCacheMib{1, 65'536};
constexpr Range kTtlMax{1, 604'800};
constexpr Range kNegativeTtlMax{1, 86'400};
constexpr Range kStaleMax{0, 604'800};
constexpr Range kInFlight{2, 20'000};

// "address", "address:port", "[address]" or "[address]:port".
Result<Endpoint> CheckUpstream(std::string_view text) {
  if (const auto ipv4 = Ipv4Address::Parse(text)) return Endpoint{*ipv4, kDnsPort};
  if (const auto ipv6 = Ipv6Address::Parse(text)) return Endpoint{*ipv6, kDnsPort};
  if (text.starts_with('[') && text.ends_with(']')) {
    const auto ipv6 = Ipv6Address::Parse(text.substr(1, text.size() - 2));
    if (ipv6) return Endpoint{*ipv6, kDnsPort};
  }
  if (text.find(':') == std::string_view::npos) {
    return Error(ErrorCode::kInvalid,
                 "is not an address (a name cannot be looked up before there is a server to ask)");
  }
  return CheckEndpoint(text);
}

// True when nothing but zeros is there: all addresses of this machine.
template <typename Address>
bool IsUnspecified(const Address& address) {
  return address == Address{};
}

bool IsLoopback(const Ipv4Address& address) { return address.octets[0] == 127; }
bool IsLoopback(const Ipv6Address& address) { return address == *Ipv6Address::Parse("::1"); }

// What is known without asking the system: the same address, or loopback where all are listened on.
bool IsOwn(const Endpoint& upstream, const Endpoint& listen) {
  if (upstream.port != listen.port) return false;
  if (upstream.host == listen.host) return true;
  const bool all = std::visit([](const auto& host) { return IsUnspecified(host); }, listen.host);
  return all && upstream.host.index() == listen.host.index() &&
         std::visit([](const auto& host) { return IsLoopback(host) || IsUnspecified(host); },
                    upstream.host);
}

std::string CheckRuleZone(const std::string& text, const Node& node, const Config& config) {
  if (text == ".") return text;
  auto zone = CheckDnsName(text);
  if (!zone) {
    node.Error("zone", -1, StrCat("zone ", Quote(text), ' ', zone.error().message()),
               "\".\" is for all names");
    return {};
  }
  for (const Zone& own : config.zones) {
    if (own.apex.empty() || !IsInZone(*zone, own.apex)) continue;
    node.Error("zone", -1,
               StrCat("zone ", Quote(*zone), " lies in the zone ", own.apex,
                      ", whose names are answered here"));
  }
  return std::move(*zone);
}

void CheckUpstreams(const schema::Forward& rule, const Node& node, const Config& config,
                    ForwardRule& out) {
  if (rule.upstream_size() == 1 && rule.upstream(0).starts_with('/')) {
    out.resolv_conf = rule.upstream(0);
    return;
  }
  const int most = static_cast<int>(kUpstreamsPerRuleMax);
  if (rule.upstream_size() > most) {
    node.Error("upstream", most, StrCat(rule.upstream_size(), " upstreams; must be 1..", most));
  }
  for (int i = 0; i < rule.upstream_size(); ++i) {
    const std::string& text = rule.upstream(i);
    const auto wrong = [&](std::string_view what) {
      node.Error("upstream", i, StrCat("upstream ", Quote(text), ' ', what));
    };
    if (text.starts_with('/')) {
      wrong("is a path, which must stand alone");
      continue;
    }
    const auto upstream = CheckUpstream(text);
    if (!upstream) {
      wrong(upstream.error().message());
    } else if (std::any_of(config.listen.begin(), config.listen.end(),
                           [&](const Endpoint& one) { return IsOwn(*upstream, one); })) {
      wrong("is this server itself: questions would go in a circle");
    } else if (std::find(out.upstreams.begin(), out.upstreams.end(), *upstream) !=
               out.upstreams.end()) {
      wrong("is given twice");
    } else {
      out.upstreams.push_back(*upstream);
    }
  }
}

ForwardRule CheckRule(const schema::Forward& rule, const Node& node, const Config& config) {
  ForwardRule out;
  if (rule.has_zone()) {
    out.zone = CheckRuleZone(rule.zone(), node, config);
  } else {
    (void)node.Missing("zone");
  }
  CheckUpstreams(rule, node, config, out);
  if (rule.has_resolv_conf()) {
    if (rule.upstream_size() > 0) {
      node.Error("resolv_conf", -1, "resolv_conf and upstream exclude each other");
    }
    out.resolv_conf = rule.resolv_conf();
    if (out.resolv_conf.empty()) node.Error("resolv_conf", -1, "resolv_conf is empty");
  } else if (rule.upstream_size() == 0) {
    (void)node.Missing("upstream");
  }
  if (!out.resolv_conf.empty()) {
    out.resolv_conf = ResolvePath(out.resolv_conf, node.context().folder);
  }
  out.rebind_protection = rule.rebind_protection();
  out.trust_ad = rule.trust_ad();
  out.mix_case = rule.mix_case();
  return out;
}

// The network that the gateway and all services are in.
IpPrefix PrefixOf(const Network& network) {
  IpPrefix prefix;
  prefix.length = static_cast<std::uint8_t>(network.prefix_length);
  for (std::size_t i = 0; i < network.gateway.octets.size(); ++i) {
    const std::size_t kept = std::clamp<std::size_t>(prefix.length, 8 * i, 8 * i + 8) - 8 * i;
    const auto mask = static_cast<std::uint8_t>(0xff00 >> kept);
    prefix.octets[i] = static_cast<std::uint8_t>(network.gateway.octets[i] & mask);
  }
  return prefix;
}

void CheckAllowed(const schema::Forwarding& forwarding, const Node& node, const Network& network,
                  Forwarding& out) {
  for (int i = 0; i < forwarding.allow_recursion_size(); ++i) {
    const std::string& text = forwarding.allow_recursion(i);
    const auto prefixes = ParsePrefixes(text);
    if (!prefixes) {
      node.Error("allow_recursion", i,
                 StrCat("allow_recursion ", Quote(text), ' ', prefixes.error().message()));
      continue;
    }
    out.allow_recursion.insert(out.allow_recursion.end(), prefixes->begin(), prefixes->end());
  }
  if (out.allow_recursion.size() > kAllowedNetworksMax) {
    node.Error("allow_recursion", -1,
               StrCat(out.allow_recursion.size(), " networks; must be at most ",
                      kAllowedNetworksMax));
  }
  if (forwarding.allow_recursion_size() > 0) return;
  for (const char* network_text : {"loopback", "169.254.0.0/16", "fe80::/10"}) {
    const auto prefixes = ParsePrefixes(network_text);
    out.allow_recursion.insert(out.allow_recursion.end(), prefixes->begin(), prefixes->end());
  }
  out.allow_recursion.push_back(PrefixOf(network));
}

void CheckPrivateZones(const schema::Forwarding& forwarding, const Node& node, Forwarding& out) {
  const int most = static_cast<int>(kPrivateZonesMax);
  if (forwarding.private_zone_size() > most) {
    node.Error("private_zone", most,
               StrCat(forwarding.private_zone_size(), " zones; must be 0..", most));
  }
  for (int i = 0; i < forwarding.private_zone_size(); ++i) {
    const std::string& text = forwarding.private_zone(i);
    auto zone = CheckDnsName(text);
    if (zone) {
      out.private_zones.push_back(std::move(*zone));
    } else {
      node.Error("private_zone", i,
                 StrCat("private_zone ", Quote(text), ' ', zone.error().message()));
    }
  }
}

}  // namespace

Forwarding CheckForwarding(const schema::File& file, const Node& root, const Config& config) {
  Forwarding out;
  const int most = static_cast<int>(kForwardRulesMax);
  if (file.forward_size() > most) {
    root.Error("forward", most, StrCat(file.forward_size(), " rules; must be 0..", most));
  }
  for (int i = 0; i < file.forward_size(); ++i) {
    const schema::Forward& rule = file.forward(i);
    const Node node =
        root.Nested(rule, "forward", i, StrCat("forward ", Quote(rule.zone())));
    ForwardRule checked = CheckRule(rule, node, config);
    const auto same = [&checked](const ForwardRule& one) { return one.zone == checked.zone; };
    if (!checked.zone.empty() && std::any_of(out.rules.begin(), out.rules.end(), same)) {
      node.Error("zone", -1, "there is a rule for this zone already");
    }
    out.rules.push_back(std::move(checked));
  }
  const schema::Forwarding& all = file.forwarding();
  const Node node = root.Nested(all, "forwarding", -1, "forwarding");
  CheckAllowed(all, node, config.network, out);
  CheckPrivateZones(all, node, out);
  const auto number = [&node](const char* field, Range range) {
    return static_cast<std::uint32_t>(node.Number(field, range));
  };
  out.cache_entries_max = number("cache_entries_max", kCacheEntries);
  out.cache_mib_max = number("cache_mib_max", kCacheMib);
  out.ttl_max = std::chrono::seconds(number("ttl_max_s", kTtlMax));
  out.negative_ttl_max = std::chrono::seconds(number("negative_ttl_max_s", kNegativeTtlMax));
  out.stale_max = std::chrono::seconds(number("stale_max_s", kStaleMax));
  out.in_flight_max = number("in_flight_max", kInFlight);
  return out;
}

}  // namespace summon::configs
