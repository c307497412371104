// SPDX-License-Identifier: Apache-2.0
// Zones and their static records.
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr int kNameServersMax = 16;
constexpr int kAddressesMax = 16;
constexpr std::size_t kTransferPrefixesMax = 256;
constexpr int kDnsPort = 53;
constexpr Range kRefreshRange{60, 604'800};
constexpr Range kRetryRange{10, 604'800};
constexpr Range kExpireRange{600, 10'000'000};
constexpr Range kMinimumRange{0, 86'400};
constexpr Range kSoaTtlRange{0, 604'800};

// A name in `field`; nothing after a report.
std::optional<std::string> CheckNameField(const Node& node, const char* field, int index,
                                          const std::string& text) {
  auto name = CheckDnsName(text);
  if (name) return std::move(*name);
  node.Error(field, index, StrCat(field, ' ', Quote(text), ' ', name.error().message()));
  return std::nullopt;
}

void CheckServerAddresses(const schema::NameServer& server, const Node& node, const Zone& zone,
                          NameServer& out) {
  if (server.address_size() > kAddressesMax) {
    node.Error("address", kAddressesMax,
               StrCat(server.address_size(), " addresses; must be 0..", kAddressesMax));
  }
  if (server.address_size() > 0 && !out.name.empty() && !IsInZone(out.name, zone.apex)) {
    node.Error("address", 0, StrCat(out.name, " lies outside of the zone ", zone.apex),
               "its addresses are for its own zone to tell; take them away here");
  }
  for (int i = 0; i < server.address_size(); ++i) {
    const std::string& text = server.address(i);
    if (const auto v4 = Ipv4Address::Parse(text)) {
      out.ipv4.push_back(*v4);
    } else if (const auto v6 = Ipv6Address::Parse(text)) {
      out.ipv6.push_back(*v6);
    } else {
      node.Error("address", i, StrCat("address ", Quote(text), " is no IPv4 or IPv6 address"));
    }
  }
}

void CheckNameServers(const schema::Zone& zone, const Node& node, Zone& out) {
  const int count = zone.name_server_size() + zone.name_servers_size();
  if (count > kNameServersMax) {
    node.Error(zone.name_servers_size() > 0 ? "name_servers" : "name_server", -1,
               StrCat(count, " name_servers; must be 1..", kNameServersMax));
    return;
  }
  std::optional<Ipv4Address> shared;
  if (zone.has_ns_address()) {
    shared = Ipv4Address::Parse(zone.ns_address());
    if (!shared) {
      node.Error("ns_address", -1,
                 StrCat("ns_address ", Quote(zone.ns_address()), " is not an IPv4 address"));
    }
  }
  for (int i = 0; i < zone.name_server_size(); ++i) {
    const schema::NameServer& server = zone.name_server(i);
    const Node inner = node.Nested(server, "name_server", i, StrCat(node.label(), ", name_server"));
    NameServer made;
    if (!server.has_name()) (void)inner.Missing("name");
    if (server.has_name()) {
      made.name = CheckNameField(inner, "name", -1, server.name()).value_or("");
    }
    CheckServerAddresses(server, inner, out, made);
    out.name_servers.push_back(std::move(made));
  }
  std::vector<std::string> names;
  for (int i = 0; i < zone.name_servers_size(); ++i) {
    const auto name = CheckNameField(node, "name_servers", i, zone.name_servers(i));
    if (name) names.push_back(*name);
  }
  if (count == 0) names.push_back(StrCat("ns.", out.apex));
  for (const std::string& name : names) {
    NameServer made{name, {}, {}};
    if (shared && IsInZone(name, out.apex)) made.ipv4.push_back(*shared);
    out.name_servers.push_back(std::move(made));
  }
}

void CheckSoa(const schema::Zone& zone, const Node& node, Zone& out) {
  const schema::Soa& soa = zone.soa();
  const Node inner = node.Nested(soa, "soa", -1, StrCat(node.label(), ", soa"));
  if (!out.name_servers.empty()) out.soa.primary = out.name_servers.front().name;
  if (soa.has_primary()) {
    out.soa.primary = CheckNameField(inner, "primary", -1, soa.primary()).value_or("");
  }
  out.soa.mailbox = StrCat("hostmaster.", out.apex);
  if (soa.has_mailbox() && zone.has_admin()) {
    inner.Error("mailbox", -1, "mailbox stands beside the zone's admin; one of them is enough");
  }
  const char* field = soa.has_mailbox() ? "mailbox" : "admin";
  const Node& holder = soa.has_mailbox() ? inner : node;
  if (soa.has_mailbox() || zone.has_admin()) {
    const std::string& text = soa.has_mailbox() ? soa.mailbox() : zone.admin();
    if (auto mailbox = CheckMailbox(text)) {
      out.soa.mailbox = std::move(*mailbox);
    } else {
      holder.Error(field, -1,
                   StrCat(field, ' ', Quote(text), ' ', mailbox.error().message()));
    }
  }
  out.soa.refresh_s = static_cast<std::uint32_t>(inner.Number("refresh_s", kRefreshRange));
  out.soa.retry_s = static_cast<std::uint32_t>(inner.Number("retry_s", kRetryRange));
  out.soa.expire_s = static_cast<std::uint32_t>(inner.Number("expire_s", kExpireRange));
  out.soa.minimum_s = static_cast<std::uint32_t>(inner.Number("minimum_s", kMinimumRange));
  out.soa.ttl_s = static_cast<std::uint32_t>(inner.Number("ttl_s", kSoaTtlRange));
  if (out.soa.expire_s <= out.soa.refresh_s + out.soa.retry_s) {
    inner.Error("expire_s", -1,
                StrCat("expire_s is ", out.soa.expire_s, "; must be more than refresh_s and "
                       "retry_s together, ", out.soa.refresh_s + out.soa.retry_s),
                "a secondary would give up between two looks");
  }
}

// "192.0.2.7", "192.0.2.7:53" or "[2001:db8::7]:53".
Result<Endpoint> CheckSecondary(const std::string& text) {
  if (const auto v4 = Ipv4Address::Parse(text)) return Endpoint{*v4, kDnsPort};
  if (const auto v6 = Ipv6Address::Parse(text)) return Endpoint{*v6, kDnsPort};
  return CheckEndpoint(text);
}

void CheckTransfers(const schema::Zone& zone, const Node& node, Zone& out) {
  for (int i = 0; i < zone.allow_transfer_size(); ++i) {
    auto prefixes = ParsePrefixes(zone.allow_transfer(i));
    if (prefixes.ok()) {
      out.allow_transfer.insert(out.allow_transfer.end(), prefixes->begin(), prefixes->end());
    } else {
      node.Error("allow_transfer", i, StrCat("allow_transfer: ", prefixes.error().message()));
    }
  }
  if (out.allow_transfer.size() > kTransferPrefixesMax) {
    node.Error("allow_transfer", 0,
               StrCat(out.allow_transfer.size(), " networks in allow_transfer; must be 0..",
                      kTransferPrefixesMax));
  }
  if (static_cast<std::size_t>(zone.notify_size()) > kNotifyPerZoneMax) {
    node.Error("notify", static_cast<int>(kNotifyPerZoneMax),
               StrCat(zone.notify_size(), " servers to notify; must be 0..", kNotifyPerZoneMax));
  }
  for (int i = 0; i < zone.notify_size(); ++i) {
    auto endpoint = CheckSecondary(zone.notify(i));
    if (endpoint.ok()) {
      out.notify.push_back(*endpoint);
    } else {
      node.Error("notify", i,
                 StrCat("notify ", Quote(zone.notify(i)), ' ', endpoint.error().message()));
    }
  }
}

// A zone whose file brings SOA and NS: what would say the same again must not be there.
void CheckZoneFile(const schema::Zone& zone, const Node& node, Zone& out) {
  const auto twice = [&node](bool present, const char* field, int index) {
    if (!present) return;
    node.Error(field, index, StrCat(field, " stands in the zone_file already"),
               "take it away here, or write records instead of a zone_file");
  };
  twice(zone.name_servers_size() > 0, "name_servers", 0);
  twice(zone.has_ns_address(), "ns_address", -1);
  twice(zone.has_admin(), "admin", -1);
  twice(zone.name_server_size() > 0, "name_server", 0);
  twice(zone.has_soa(), "soa", -1);
  if (zone.zone_file().empty() || zone.zone_file().find('\0') != std::string::npos) {
    node.Error("zone_file", -1, "zone_file is empty or contains a zero byte");
    return;
  }
  out.zone_file = ResolvePath(zone.zone_file(), node.context().folder);
  if (!node.context().options.check_files) return;
  (void)CheckReadable(node, "zone_file", out.zone_file, Access::kRead, FileKinds::kRegularOnly);
}

}  // namespace

Zone CheckZone(const schema::Zone& zone, Node& node, Uniqueness& unique) {
  Zone out;
  if (!zone.has_apex()) {
    (void)node.Missing("apex");
  } else if (auto apex = CheckDnsName(zone.apex())) {
    out.apex = std::move(*apex);
    node.set_label(StrCat("zone ", Quote(out.apex)));
    (void)unique.Claim(node, "apex", -1, "zone", out.apex);
  } else {
    node.Error("apex", -1, StrCat("apex ", Quote(zone.apex()), ' ', apex.error().message()));
  }
  if (zone.has_zone_file()) {
    CheckZoneFile(zone, node, out);
  } else {
    CheckNameServers(zone, node, out);
    CheckSoa(zone, node, out);
  }
  CheckTransfers(zone, node, out);
  if (static_cast<std::size_t>(zone.record_size()) > kRecordsPerZoneMax) {
    node.Error("record", static_cast<int>(kRecordsPerZoneMax),
               StrCat(zone.record_size(), " records; must be 0..", kRecordsPerZoneMax));
  }
  for (int i = 0; i < zone.record_size(); ++i) {
    const schema::Record& record = zone.record(i);
    const std::string label = StrCat(node.label(), ", record ", Quote(record.name()));
    out.records.push_back(CheckRecord(record, node.Nested(record, "record", i, label), out));
  }
  if (zone.has_dnssec()) {
    out.dnssec = CheckDnssec(
        zone.dnssec(), node.Nested(zone.dnssec(), "dnssec", -1, StrCat(node.label(), ", dnssec")));
  }
  CheckAliases(out, node);
  out.allow_query = CheckNetworks(node, "allow_query", zone.allow_query());
  out.allow_wake = CheckNetworks(node, "allow_wake", zone.allow_wake());
  return out;
}

// A service's addresses come from us, and its name is neither an alias nor another server's.
static bool MayStandBesideService(dns::RrType type) {
  return type != dns::RrType::kA && type != dns::RrType::kAaaa && type != dns::RrType::kCname &&
         type != dns::RrType::kNs;
}

void CheckZoneNames(const std::vector<Zone>& zones, const schema::File& file, const Node& root,
                    const Uniqueness& unique) {
  for (std::size_t z = 0; z < zones.size(); ++z) {
    const Zone& zone = zones[z];
    const int index = static_cast<int>(z);
    const Node node =
        root.Nested(file.zone(index), "zone", index, StrCat("zone ", Quote(zone.apex)));
    for (std::size_t r = 0; r < zone.records.size(); ++r) {
      const std::string& name = zone.records[r].name;
      const std::string* holder = unique.Holder("dns_name", name);
      if (holder == nullptr || MayStandBesideService(zone.records[r].type)) continue;
      node.Error("record", static_cast<int>(r),
                 StrCat("static record ", name, " has the name of ", *holder));
    }
    for (const NameServer& server : zone.name_servers) {
      if (server.ipv4.empty() && server.ipv6.empty()) continue;
      const std::string* holder = unique.Holder("dns_name", server.name);
      if (holder == nullptr) continue;
      node.Error(file.zone(index).has_ns_address() ? "ns_address" : "name_server", -1,
                 StrCat("name server ", server.name, " with an address has the name of ", *holder));
    }
  }
}

}  // namespace summon::configs
