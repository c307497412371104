// SPDX-License-Identifier: Apache-2.0
// Zones and their static records.
#include <set>

#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace {

constexpr int kNameServersMax = 16;
constexpr std::size_t kTextMax = 4096;
constexpr Range kTtlRange{1, 604'800};

void CheckNameServers(const schema::Zone& zone, const Node& node, Zone& out) {
  if (zone.name_servers_size() > kNameServersMax) {
    node.Error("name_servers", kNameServersMax,
               StrCat(zone.name_servers_size(), " name_servers; must be 1..", kNameServersMax));
  }
  for (int i = 0; i < zone.name_servers_size(); ++i) {
    auto name = CheckDnsName(zone.name_servers(i));
    if (name) {
      out.name_servers.push_back(std::move(*name));
    } else {
      node.Error("name_servers", i,
                 StrCat("name_servers ", Quote(zone.name_servers(i)), ' ', name.error().message()));
    }
  }
  if (zone.name_servers_size() == 0) out.name_servers.push_back(StrCat("ns.", out.apex));
  if (!zone.has_ns_address()) return;
  out.ns_address = Ipv4Address::Parse(zone.ns_address());
  if (!out.ns_address) {
    node.Error("ns_address", -1,
               StrCat("ns_address ", Quote(zone.ns_address()), " is not an IPv4 address"));
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
  if (zone.zone_file().empty() || zone.zone_file().find('\0') != std::string::npos) {
    node.Error("zone_file", -1, "zone_file is empty or contains a zero byte");
    return;
  }
  out.zone_file = ResolvePath(zone.zone_file(), node.context().folder);
  if (!node.context().options.check_files) return;
  (void)CheckReadable(node, "zone_file", out.zone_file, Access::kRead, FileKinds::kRegularOnly);
}

void CheckRecordData(const schema::Record& record, const Node& node, StaticRecord& out) {
  const std::string& value = record.value();
  const auto wrong = [&](std::string_view what) {
    node.Error("value", -1, StrCat("value ", Quote(value), ' ', what));
  };
  switch (record.type()) {
    case schema::Record::A:
      if (const auto address = Ipv4Address::Parse(value))
        out.data = *address;
      else
        wrong("is not an IPv4 address");
      break;
    case schema::Record::AAAA:
      if (const auto address = Ipv6Address::Parse(value))
        out.data = *address;
      else
        wrong("is not an IPv6 address");
      break;
    case schema::Record::TXT:
      if (value.size() > kTextMax) {
        node.Error("value", -1,
                   StrCat("value has ", value.size(), " bytes; must be 0..", kTextMax));
      }
      out.data = TextData{value};
      break;
    case schema::Record::CNAME:
      if (auto target = CheckDnsName(value))
        out.data = AliasData{std::move(*target)};
      else
        wrong(target.error().message());
      break;
  }
}

void CheckRecord(const schema::Record& record, const Node& node, Zone& zone) {
  StaticRecord out;
  if (!record.has_name()) {
    (void)node.Missing("name");
  } else if (auto name = CheckDnsName(record.name()); !name) {
    node.Error("name", -1, StrCat("name ", Quote(record.name()), ' ', name.error().message()));
  } else if (!zone.apex.empty() && !IsInZone(*name, zone.apex)) {
    node.Error("name", -1,
               StrCat("name ", Quote(record.name()), " lies outside of the zone ", zone.apex));
  } else {
    out.name = std::move(*name);
  }
  out.ttl = std::chrono::seconds(node.Number("ttl_s", kTtlRange));
  if (!record.has_type())
    (void)node.Missing("type");
  else if (!record.has_value())
    (void)node.Missing("value");
  else
    CheckRecordData(record, node, out);
  zone.records.push_back(std::move(out));
}

// RFC 1034 section 3.6.2: a name with a CNAME has no other data.
void CheckAliases(const Zone& zone, const Node& node, const CheckContext& context) {
  std::map<std::string, int> owners;
  for (const StaticRecord& record : zone.records) ++owners[record.name];
  for (std::size_t i = 0; i < zone.records.size(); ++i) {
    const StaticRecord& record = zone.records[i];
    if (record.name.empty() || !std::holds_alternative<AliasData>(record.data)) continue;
    const int index = static_cast<int>(i);
    if (owners[record.name] > 1) {
      context.sink.Error(node.At("record", index),
                         StrCat(node.label(), ": CNAME ", record.name,
                                " has other records beside it (RFC 1034 section 3.6.2)"));
    } else if (record.name == zone.apex) {
      context.sink.Error(node.At("record", index),
                         StrCat(node.label(), ": CNAME at the zone's own name, which has a SOA"));
    }
  }
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
  if (zone.has_zone_file())
    CheckZoneFile(zone, node, out);
  else
    CheckNameServers(zone, node, out);
  out.admin = StrCat("hostmaster.", out.apex);
  if (zone.has_admin()) {
    if (auto admin = CheckMailbox(zone.admin()))
      out.admin = std::move(*admin);
    else
      node.Error("admin", -1, StrCat("admin ", Quote(zone.admin()), ' ', admin.error().message()));
  }
  if (static_cast<std::size_t>(zone.record_size()) > kRecordsPerZoneMax) {
    node.Error("record", static_cast<int>(kRecordsPerZoneMax),
               StrCat(zone.record_size(), " records; must be 0..", kRecordsPerZoneMax));
  }
  for (int i = 0; i < zone.record_size(); ++i) {
    const schema::Record& record = zone.record(i);
    CheckRecord(
        record,
        node.Nested(record, "record", i, StrCat(node.label(), ", record ", Quote(record.name()))),
        out);
  }
  if (zone.has_dnssec()) {
    out.dnssec = CheckDnssec(
        zone.dnssec(), node.Nested(zone.dnssec(), "dnssec", -1, StrCat(node.label(), ", dnssec")));
  }
  CheckAliases(out, node, node.context());
  out.allow_query = CheckNetworks(node, "allow_query", zone.allow_query());
  out.allow_wake = CheckNetworks(node, "allow_wake", zone.allow_wake());
  return out;
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
      const bool is_text = std::holds_alternative<TextData>(zone.records[r].data);
      const std::string* holder = unique.Holder("dns_name", name);
      if (holder == nullptr || is_text) continue;
      node.Error("record", static_cast<int>(r),
                 StrCat("static record ", name, " has the name of ", *holder));
    }
    if (!zone.ns_address) continue;
    for (const std::string& name : zone.name_servers) {
      const std::string* holder = unique.Holder("dns_name", name);
      if (holder == nullptr) continue;
      node.Error("ns_address", -1,
                 StrCat("name server ", name, " with an ns_address has the name of ", *holder));
    }
  }
}

}  // namespace summon::configs
