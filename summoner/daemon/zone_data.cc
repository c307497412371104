// SPDX-License-Identifier: Apache-2.0
// Zones of the configuration as DNS data; see the header.
#include "summoner/daemon/zone_data.h"

#include <sys/random.h>

#include "base/siphash.h"
#include "base/strings.h"

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

Status AddZone(dns::ZoneTable::Builder& builder, const configs::Zone& zone,
               std::uint32_t serial) {
  const dns::Name apex = SUMMON_TRY(dns::Name::Parse(zone.apex));
  dns::Soa soa;
  soa.primary = SUMMON_TRY(dns::Name::Parse(zone.name_servers.front()));
  soa.mailbox = SUMMON_TRY(dns::Name::Parse(zone.admin));
  soa.serial = serial;
  SUMMON_TRY(builder.AddZone(apex, soa, kSoaTtl));
  SUMMON_TRY(AddNameServers(builder, zone, apex));
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

}  // namespace

dns::OwnerTag OwnerOf(ServiceId service) { return static_cast<dns::OwnerTag>(service) + 1; }

ServiceId ServiceOf(dns::OwnerTag owner) {
  SUMMON_CHECK(owner != dns::kStatic);
  return ServiceId{owner - 1};
}

Result<std::unique_ptr<const dns::ZoneTable>> BuildZoneTable(const configs::Config& config,
                                                             const ServiceIds& ids,
                                                             std::uint32_t serial) {
  dns::ZoneTable::Builder builder(RandomKey());
  for (const configs::Zone& zone : config.zones) {
    SUMMON_TRY(AddZone(builder, zone, serial).Wrap(StrCat("zone ", zone.apex)));
  }
  for (const configs::Service& service : config.services) {
    const auto id = ids.find(service.name);
    SUMMON_CHECK(id != ids.end());
    SUMMON_TRY(AddService(builder, service, id->second).Wrap(StrCat("service ", service.name)));
  }
  return std::move(builder).Build();
}

}  // namespace summon::summoner
