// SPDX-License-Identifier: Apache-2.0
// Reverse zones; see the header.
#include "summoner/daemon/reverse_zones.h"

#include <map>
#include <set>
#include <string>

#include "base/strings.h"

namespace summon::summoner {

namespace {

constexpr std::size_t kIpv4Octets = 4;

std::uint32_t ToNumber(const Ipv4Address& address) {
  const auto& o = address.octets;
  return std::uint32_t{o[0]} << 24 | std::uint32_t{o[1]} << 16 | std::uint32_t{o[2]} << 8 | o[3];
}

// RFC 1035 section 3.5, of the first `count` octets.
std::string ReverseText(const Ipv4Address& address, std::size_t count) {
  std::string text = "in-addr.arpa";
  for (std::size_t i = 0; i < count; ++i) text = StrCat(int{address.octets[i]}, '.', text);
  return text;
}

// RFC 3596 section 2.5.
std::string ReverseText(const Ipv6Address& address) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "ip6.arpa";
  for (const std::uint8_t octet : address.octets) {
    text = StrCat(kDigits[octet & 15], '.', kDigits[octet >> 4], '.', text);
  }
  return text;
}

class Collector {
 public:
  explicit Collector(const configs::Config& config) : config_(config) {
    for (const configs::Zone& zone : config.zones) {
      const auto apex = dns::Name::Parse(zone.apex);
      if (apex.ok()) configured_.push_back(*apex);
    }
  }

  void Add(const Ipv4Address& address, const std::string& target) {
    const int length = config_.network.prefix_length;
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - length);
    const bool inside = ((ToNumber(address) ^ ToNumber(config_.network.gateway)) & mask) == 0;
    const auto octets = static_cast<std::size_t>((length + 7) / 8);
    Insert(ReverseText(address, inside ? octets : kIpv4Octets), ReverseText(address, kIpv4Octets),
           target);
  }
  void Add(const Ipv6Address& address, const std::string& target) {
    Insert(ReverseText(address), ReverseText(address), target);
  }

  std::vector<ReverseZone> Finish() {
    std::vector<ReverseZone> zones;
    for (auto& [text, zone] : zones_) zones.push_back(std::move(zone));
    return zones;
  }

 private:
  void Insert(const std::string& apex, const std::string& owner, const std::string& target) {
    const auto apex_name = dns::Name::Parse(apex);
    const auto owner_name = dns::Name::Parse(owner);
    const auto target_name = dns::Name::Parse(target);
    if (!apex_name.ok() || !owner_name.ok() || !target_name.ok()) return;  // all are checked names
    for (const dns::Name& configured : configured_) {
      if (owner_name->IsSubdomainOf(configured)) return;
    }
    if (!owners_.insert(owner).second) return;  // the first one has it
    ReverseZone& zone = zones_[apex];
    zone.apex = *apex_name;
    zone.pointers.push_back({*owner_name, *target_name});
  }

  const configs::Config& config_;
  std::vector<dns::Name> configured_;
  std::set<std::string> owners_;
  std::map<std::string, ReverseZone> zones_;
};

}  // namespace

std::vector<ReverseZone> ReverseZonesOf(const configs::Config& config) {
  Collector collector(config);
  for (const configs::Service& service : config.services) {
    collector.Add(service.address, service.dns_names.front());
  }
  for (const configs::Zone& zone : config.zones) {
    for (const configs::NameServer& server : zone.name_servers) {
      for (const Ipv4Address& address : server.ipv4) collector.Add(address, server.name);
      for (const Ipv6Address& address : server.ipv6) collector.Add(address, server.name);
    }
  }
  return collector.Finish();
}

}  // namespace summon::summoner
