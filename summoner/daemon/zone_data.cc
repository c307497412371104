// SPDX-License-Identifier: Apache-2.0
// Zones of the configuration as DNS data; see the header.
#include "summoner/daemon/zone_data.h"

#include <sys/random.h>

#include <unordered_set>

#include "base/siphash.h"
#include "base/strings.h"
#include "dns/zone_load.h"
#include "summoner/daemon/zone_signing.h"

namespace summon::summoner {

namespace {

// Name servers and their addresses change about as seldom as the configuration.
constexpr std::uint32_t kNameServerTtl = 3600;
// The SOA's own lifetime; with its MINIMUM it bounds how long "there is none" is remembered, so
// that a service added now is seen soon.
constexpr std::uint32_t kSoaTtl = 10;

SipKey RandomKey() {
  SipKey key{};
  static_assert(std::is_trivially_copyable_v<SipKey>);
  const ssize_t got = getrandom(&key, sizeof key, 0);
  SUMMON_CHECK(got == static_cast<ssize_t>(sizeof key));  // cannot fail for 16 bytes, man page
  return key;
}

Status AddNameServers(dns::ZoneTable::Builder& builder, const configs::Zone& zone,
                      const dns::Name& apex) {
  for (const std::string& text : zone.name_servers) {
    const dns::Name server = SUMMON_TRY(dns::Name::Parse(text));
    SUMMON_TRY(builder.AddRecord(
        {apex, dns::RrType::kNs, kNameServerTtl, dns::NameRdata(server)}));
    if (zone.ns_address && server.IsSubdomainOf(apex)) {
      SUMMON_TRY(builder.AddRecord(
          {server, dns::RrType::kA, kNameServerTtl, dns::AddressRdata(*zone.ns_address)}));
    }
  }
  return Ok();
}

Result<dns::ZoneTable::Builder::Record> RecordOf(const configs::StaticRecord& record) {
  dns::ZoneTable::Builder::Record result;
  result.owner = SUMMON_TRY(dns::Name::Parse(record.name));
  result.ttl = static_cast<std::uint32_t>(record.ttl.count());
  if (const auto* v4 = std::get_if<Ipv4Address>(&record.data)) {
    result.type = dns::RrType::kA;
    result.rdata = dns::AddressRdata(*v4);
  } else if (const auto* v6 = std::get_if<Ipv6Address>(&record.data)) {
    result.type = dns::RrType::kAaaa;
    result.rdata = dns::AddressRdata(*v6);
  } else if (const auto* text = std::get_if<configs::TextData>(&record.data)) {
    result.type = dns::RrType::kTxt;
    result.rdata = dns::TextRdata(text->text);
  } else {
    result.type = dns::RrType::kCname;
    const auto& alias = std::get<configs::AliasData>(record.data);
    const dns::Name target = SUMMON_TRY(dns::Name::Parse(alias.target));
    result.rdata = dns::NameRdata(target);
  }
  return result;
}

using NameSet = std::unordered_set<dns::Name, dns::Name::Hasher>;

// A service's name has its address from us; other records may stand beside it.
Status CheckBesideServices(const dns::ZoneTable::Builder::Record& record, const NameSet& services) {
  const bool is_address = record.type == dns::RrType::kA || record.type == dns::RrType::kAaaa ||
                          record.type == dns::RrType::kCname;
  if (!is_address || !services.contains(record.owner)) return Ok();
  return Error(ErrorCode::kInvalid,
               StrCat(record.owner.ToText(), " is a service's name, whose addresses are made by "
                      "themselves; take this record away, or rename one of them"));
}

Status AddZone(dns::ZoneTable::Builder& builder, const configs::Zone& zone,
               std::uint32_t serial) {
  const dns::Name apex = SUMMON_TRY(dns::Name::Parse(zone.apex));
  if (zone.zone_file.empty()) {
    dns::Soa soa;
    soa.primary = SUMMON_TRY(dns::Name::Parse(zone.name_servers.front()));
    soa.mailbox = SUMMON_TRY(dns::Name::Parse(zone.admin));
    soa.serial = serial;
    SUMMON_TRY(builder.AddZone(apex, soa, kSoaTtl));
    SUMMON_TRY(AddNameServers(builder, zone, apex));
  }
  for (const configs::StaticRecord& record : zone.records) {
    const auto data = SUMMON_TRY(RecordOf(record).Wrap(record.name));
    SUMMON_TRY(builder.AddRecord(data).Wrap(record.name));
  }
  return Ok();
}

Status AddService(dns::ZoneTable::Builder& builder, const configs::Service& service,
                  ServiceId id) {
  const auto ttl = static_cast<std::uint32_t>(service.policy.ttl_asleep.count());
  for (const std::string& text : service.dns_names) {
    const dns::Name name = SUMMON_TRY(dns::Name::Parse(text));
    SUMMON_TRY(builder.AddRecord(
        {name, dns::RrType::kA, ttl, dns::AddressRdata(service.address)}));
    SUMMON_TRY(builder.SetOwner(name, OwnerOf(id)));
  }
  return Ok();
}

void AddNames(const configs::Service& service, NameSet& names) {
  for (const std::string& text : service.dns_names) {
    const auto name = dns::Name::Parse(text);
    if (name.ok()) names.insert(*name);  // else AddService says what is wrong
  }
}

void LoadFile(dns::ZoneTable::Builder& builder, const configs::Zone& zone,
              const NameSet& services, dns::ZoneFileProblems& problems) {
  const auto apex = dns::Name::Parse(zone.apex);
  SUMMON_CHECK(apex.ok());  // the configuration's names have been checked
  (void)dns::LoadZoneFile(
      {*apex, zone.zone_file,
       [&services](const dns::ZoneTable::Builder::Record& record) {
         return CheckBesideServices(record, services);
       }},
      builder, problems);  // `problems` says whether it is whole
}

}  // namespace

dns::OwnerTag OwnerOf(ServiceId service) { return static_cast<dns::OwnerTag>(service) + 1; }

ServiceId ServiceOf(dns::OwnerTag owner) {
  SUMMON_CHECK(owner != dns::kStatic);
  return ServiceId{owner - 1};
}

ZoneBuild BuildZoneTable(const configs::Config& config, const ServiceIds& ids,
                         std::uint32_t serial) {
  ZoneBuild build;
  const auto note = [&build](const Status& status) {
    if (!status.ok()) build.problems.push_back(status.error().message());
  };
  const SipKey key = RandomKey();
  dns::ZoneTable::Builder builder(key);
  NameSet service_names(0, dns::Name::Hasher{key});
  for (const configs::Service& service : config.services) AddNames(service, service_names);
  dns::ZoneFileProblems problems;
  for (const configs::Zone& zone : config.zones) {
    if (!zone.zone_file.empty()) LoadFile(builder, zone, service_names, problems);
  }
  for (const dns::ZoneFileProblem& problem : problems.list()) {
    build.problems.push_back(problem.ToString());
  }
  if (!build.problems.empty()) return build;
  for (const configs::Zone& zone : config.zones) {
    note(AddZone(builder, zone, serial).Wrap(StrCat("zone ", zone.apex)));
  }
  for (const configs::Service& service : config.services) {
    const auto id = ids.find(service.name);
    SUMMON_CHECK(id != ids.end());
    note(AddService(builder, service, id->second).Wrap(StrCat("service ", service.name)));
  }
  AddSigning(config, builder, build.problems);
  if (!build.problems.empty()) return build;
  auto table = std::move(builder).Build();
  if (table.ok()) {
    build.table = std::move(table).value();
  } else {
    build.problems.push_back(table.error().message());
  }
  return build;
}

}  // namespace summon::summoner
