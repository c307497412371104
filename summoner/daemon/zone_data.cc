// SPDX-License-Identifier: Apache-2.0
// Zones of the configuration as DNS data; see the header.
#include "summoner/daemon/zone_data.h"

#include <unordered_set>

#include "base/random.h"
#include "base/siphash.h"
#include "base/strings.h"
#include "dns/svcb.h"
#include "dns/zone_load.h"
#include "summoner/daemon/reverse_zones.h"
#include "summoner/daemon/zone_signing.h"

namespace summon::summoner {

namespace {

using Record = dns::ZoneTable::Builder::Record;
using NameSet = std::unordered_set<dns::Name, dns::Name::Hasher>;

// Name servers and their addresses change about as seldom as the configuration.
constexpr std::uint32_t kNameServerTtl = 3600;
// HTTPS records of services, and names of addresses: what changes with the configuration only.
constexpr std::uint32_t kConfiguredTtl = 300;

// A service's name has its address from us; other records may stand beside it.
Status CheckBesideServices(const Record& record, const NameSet& services) {
  const bool is_address = record.type == dns::RrType::kA || record.type == dns::RrType::kAaaa ||
                          record.type == dns::RrType::kCname;
  if (!is_address || !services.contains(record.owner)) return Ok();
  return Error(ErrorCode::kInvalid,
               StrCat(record.owner.ToText(), " is a service's name, whose addresses are made by "
                      "themselves; take this record away, or rename one of them"));
}

// Collects all that goes into one table.
class TableBuild {
 public:
  TableBuild(const configs::Config& config, const ServiceIds& ids, ZoneSerials serials,
             std::uint32_t now_s)
      : config_(config),
        ids_(ids),
        now_s_(now_s),
        builder_(key_),
        service_names_(0, dns::Name::Hasher{key_}),
        cuts_(0, dns::Name::Hasher{key_}) {
    build_.serials = std::move(serials);
  }

  ZoneBuild Run() &&;

 private:
  void Note(const Status& status) {
    if (!status.ok()) build_.problems.push_back(status.error().message());
  }
  bool HasServices(const configs::Zone& zone) const;
  void LoadFiles();
  void LoadFile(const configs::Zone& zone, dns::ZoneFileProblems& problems);
  Status AddZone(const configs::Zone& zone);
  Status AddNameServers(const configs::Zone& zone, const dns::Name& apex);
  Status AddService(const configs::Service& service);
  Status CheckNotDelegated(const dns::Name& name) const;
  Status AddReverseZone(const ReverseZone& zone);
  Status Add(const Record& record);
  std::string ContentOf(const configs::Zone& zone) const;

  const configs::Config& config_;
  const ServiceIds& ids_;
  const std::uint32_t now_s_;
  const SipKey key_ = RandomSipKey();
  dns::ZoneTable::Builder builder_;
  NameSet service_names_;
  NameSet cuts_;  // names that have NS records, apexes included
  std::vector<dns::Name> servers_;  // of the first zone
  ZoneBuild build_;
};

bool TableBuild::HasServices(const configs::Zone& zone) const {
  const auto apex = dns::Name::Parse(zone.apex);
  for (const dns::Name& name : service_names_) {
    if (apex.ok() && name.IsSubdomainOf(*apex)) return true;
  }
  return false;
}

Status TableBuild::Add(const Record& record) {
  if (record.type == dns::RrType::kNs) cuts_.insert(record.owner);
  return builder_.AddRecord(record);
}

void TableBuild::LoadFile(const configs::Zone& zone, dns::ZoneFileProblems& problems) {
  const auto apex = dns::Name::Parse(zone.apex);
  SUMMON_CHECK(apex.ok());  // the configuration's names have been checked
  dns::ZoneFileSource source{*apex, zone.zone_file, std::nullopt, {}};
  // What stands beside the file moves without it.
  if (!zone.records.empty() || HasServices(zone)) {
    source.serial = build_.serials.Advance(zone.apex, now_s_);
  }
  const bool is_first = &zone == &config_.zones.front();
  source.check = [this, is_first, &source](const Record& record) {
    if (record.type == dns::RrType::kNs) {
      cuts_.insert(record.owner);
      const auto server = dns::Name::FromWire(record.rdata);
      if (is_first && server && record.owner == source.apex) servers_.push_back(*server);
    }
    return CheckBesideServices(record, service_names_);
  };
  (void)dns::LoadZoneFile(source, builder_, problems);  // `problems` says whether it is whole
}

void TableBuild::LoadFiles() {
  dns::ZoneFileProblems problems;
  for (const configs::Zone& zone : config_.zones) {
    if (!zone.zone_file.empty()) LoadFile(zone, problems);
  }
  for (const dns::ZoneFileProblem& problem : problems.list()) {
    build_.problems.push_back(problem.ToString());
  }
}

// Everything that the zone will hold, in an order of its own.
std::string TableBuild::ContentOf(const configs::Zone& zone) const {
  const configs::Soa& soa = zone.soa;
  std::string out = StrCat(soa.primary, ' ', soa.mailbox, ' ', soa.refresh_s, ' ', soa.retry_s, ' ',
                           soa.expire_s, ' ', soa.minimum_s, ' ', soa.ttl_s, '\n');
  for (const configs::NameServer& server : zone.name_servers) {
    out += StrCat("NS ", server.name);
    for (const Ipv4Address& address : server.ipv4) out += StrCat(' ', address.ToString());
    for (const Ipv6Address& address : server.ipv6) out += StrCat(' ', address.ToString());
    out += '\n';
  }
  for (const configs::StaticRecord& record : zone.records) {
    out += StrCat(record.name, ' ', static_cast<std::uint16_t>(record.type), ' ',
                  record.ttl.count(), ' ', record.data.size(), ' ');
    out.append(record.data.begin(), record.data.end());
  }
  const auto apex = dns::Name::Parse(zone.apex);
  for (const configs::Service& service : config_.services) {
    for (const std::string& text : service.dns_names) {
      const auto name = dns::Name::Parse(text);
      if (!apex.ok() || !name.ok() || !name->IsSubdomainOf(*apex)) continue;
      out += StrCat(text, ' ', service.address.ToString(), ' ', service.policy.ttl_asleep.count());
      for (const dns::Rdata& https : service.https) out.append(https.begin(), https.end());
    }
  }
  return out;
}

Status TableBuild::AddNameServers(const configs::Zone& zone, const dns::Name& apex) {
  for (const configs::NameServer& server : zone.name_servers) {
    const dns::Name name = SUMMON_TRY(dns::Name::Parse(server.name));
    SUMMON_TRY(Add({apex, dns::RrType::kNs, kNameServerTtl, dns::NameRdata(name)}));
    if (&zone == &config_.zones.front()) servers_.push_back(name);
    for (const Ipv4Address& address : server.ipv4) {
      SUMMON_TRY(Add({name, dns::RrType::kA, kNameServerTtl, dns::AddressRdata(address)}));
    }
    for (const Ipv6Address& address : server.ipv6) {
      SUMMON_TRY(Add({name, dns::RrType::kAaaa, kNameServerTtl, dns::AddressRdata(address)}));
    }
  }
  return Ok();
}

Status TableBuild::AddZone(const configs::Zone& zone) {
  const dns::Name apex = SUMMON_TRY(dns::Name::Parse(zone.apex));
  if (zone.zone_file.empty()) {
    dns::Soa soa;
    soa.primary = SUMMON_TRY(dns::Name::Parse(zone.soa.primary));
    soa.mailbox = SUMMON_TRY(dns::Name::Parse(zone.soa.mailbox));
    soa.serial = build_.serials.Next(zone.apex, ContentOf(zone), now_s_);
    soa.refresh_s = zone.soa.refresh_s;
    soa.retry_s = zone.soa.retry_s;
    soa.expire_s = zone.soa.expire_s;
    soa.minimum_s = zone.soa.minimum_s;
    SUMMON_TRY(builder_.AddZone(apex, soa, zone.soa.ttl_s));
    SUMMON_TRY(AddNameServers(zone, apex));
  }
  for (const configs::StaticRecord& record : zone.records) {
    const dns::Name owner = SUMMON_TRY(dns::Name::Parse(record.name).Wrap(record.name));
    const auto ttl = static_cast<std::uint32_t>(record.ttl.count());
    SUMMON_TRY(Add({owner, record.type, ttl, record.data}));
  }
  return Ok();
}

// Below a delegation, or at one, answers are another server's.
Status TableBuild::CheckNotDelegated(const dns::Name& name) const {
  for (dns::Name at = name; !at.is_root(); at = at.Parent()) {
    const std::string text = at.ToText();
    for (const configs::Zone& zone : config_.zones) {
      if (text.size() == zone.apex.size() + 1 && text.starts_with(zone.apex)) return Ok();
    }
    if (!cuts_.contains(at)) continue;
    return Error(ErrorCode::kInvalid,
                 StrCat("name ", name.ToText(), " is delegated by the NS record of ", text,
                        "; take that record away, or the name"));
  }
  return Ok();
}

Status TableBuild::AddService(const configs::Service& service) {
  const auto id = ids_.find(service.name);
  SUMMON_CHECK(id != ids_.end());
  const auto ttl = static_cast<std::uint32_t>(service.policy.ttl_asleep.count());
  for (const std::string& text : service.dns_names) {
    const dns::Name name = SUMMON_TRY(dns::Name::Parse(text));
    SUMMON_TRY(CheckNotDelegated(name));
    SUMMON_TRY(Add({name, dns::RrType::kA, ttl, dns::AddressRdata(service.address)}));
    for (const dns::Rdata& https : service.https) {
      SUMMON_TRY(Add({name, dns::RrType::kHttps, kConfiguredTtl,
                      dns::WithIpv4Hint(https, service.address)}));
    }
    SUMMON_TRY(builder_.SetOwner(name, OwnerOf(id->second)));
  }
  return Ok();
}

Status TableBuild::AddReverseZone(const ReverseZone& zone) {
  const std::string apex = zone.apex.ToText();
  dns::Soa soa;
  soa.primary = servers_.front();
  soa.mailbox = SUMMON_TRY(dns::Name::Parse(StrCat("hostmaster.", config_.zones.front().apex)));
  std::string content;
  for (const dns::Name& server : servers_) content += server.ToText();
  for (const ReversePointer& pointer : zone.pointers) {
    content += StrCat(pointer.owner.ToText(), ' ', pointer.target.ToText(), '\n');
  }
  soa.serial = build_.serials.Next(apex, content, now_s_);
  SUMMON_TRY(builder_.AddZone(zone.apex, soa, soa.minimum_s));
  for (const dns::Name& server : servers_) {
    SUMMON_TRY(Add({zone.apex, dns::RrType::kNs, kNameServerTtl, dns::NameRdata(server)}));
  }
  for (const ReversePointer& pointer : zone.pointers) {
    SUMMON_TRY(Add({pointer.owner, dns::RrType::kPtr, kConfiguredTtl,
                    dns::NameRdata(pointer.target)}));
  }
  return Ok();
}

ZoneBuild TableBuild::Run() && {
  for (const configs::Service& service : config_.services) {
    for (const std::string& text : service.dns_names) {
      const auto name = dns::Name::Parse(text);
      if (name.ok()) service_names_.insert(*name);  // else AddService says what is wrong
    }
  }
  LoadFiles();
  if (!build_.problems.empty()) return std::move(build_);
  for (const configs::Zone& zone : config_.zones) {
    Note(AddZone(zone).Wrap(StrCat("zone ", zone.apex)));
  }
  for (const configs::Service& service : config_.services) {
    Note(AddService(service).Wrap(StrCat("service ", service.name)));
  }
  if (config_.reverse_zones && !servers_.empty()) {
    for (const ReverseZone& zone : ReverseZonesOf(config_)) {
      Note(AddReverseZone(zone).Wrap(StrCat("zone ", zone.apex.ToText())));
    }
  }
  AddSigning(config_, builder_, build_.problems);
  if (!build_.problems.empty()) return std::move(build_);
  auto table = std::move(builder_).Build();
  if (table.ok()) {
    build_.table = std::move(table).value();
  } else {
    build_.problems.push_back(table.error().message());
  }
  return std::move(build_);
}

}  // namespace

dns::OwnerTag OwnerOf(ServiceId service) { return static_cast<dns::OwnerTag>(service) + 1; }

ServiceId ServiceOf(dns::OwnerTag owner) {
  SUMMON_CHECK(owner != dns::kStatic);
  return ServiceId{owner - 1};
}

ZoneBuild BuildZoneTable(const configs::Config& config, const ServiceIds& ids,
                         const ZoneSerials& before, std::uint32_t now_s) {
  return TableBuild(config, ids, before, now_s).Run();
}

}  // namespace summon::summoner
