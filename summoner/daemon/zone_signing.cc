// SPDX-License-Identifier: Apache-2.0
// Keys of zones, from files to the zone table.
#include "summoner/daemon/zone_signing.h"

#include <algorithm>

#include "base/strings.h"
#include "dns/dnssec/zone_keyset.h"

namespace summon::summoner {

namespace {

using dns::dnssec::StoredKey;
using dns::dnssec::ZoneKeyset;

Result<std::shared_ptr<const ZoneKeyset>> LoadKeys(const configs::Dnssec& dnssec) {
  StoredKey active = SUMMON_TRY(dns::dnssec::LoadKeyFile(dnssec.key_file));
  ZoneKeyset::Options options;
  options.validity = dnssec.validity;
  for (const std::string& path : dnssec.published_key_files) {
    options.published.push_back(SUMMON_TRY(dns::dnssec::LoadKeyFile(path)));
  }
  // Shared by the zone tables of successive reloads; see dns::Zone.
  return std::shared_ptr<const ZoneKeyset>(
      std::make_shared<ZoneKeyset>(std::move(active), std::move(options)));
}

// No answer for a service's name in the zone gives more.
std::uint32_t ServiceTtlMax(const configs::Config& config, const dns::Name& apex) {
  std::chrono::seconds longest{0};
  for (const configs::Service& service : config.services) {
    for (const std::string& text : service.dns_names) {
      const auto name = dns::Name::Parse(text);
      if (!name.ok() || !name->IsSubdomainOf(apex)) continue;
      longest = std::max({longest, service.policy.ttl_asleep, service.policy.ttl_ready});
    }
  }
  return static_cast<std::uint32_t>(longest.count());
}

// The zone that `apex` lies in most closely; null when none of ours.
const configs::Zone* ParentOf(const configs::Config& config, const dns::Name& apex) {
  const configs::Zone* nearest = nullptr;
  for (const configs::Zone& zone : config.zones) {
    const auto other = dns::Name::Parse(zone.apex);
    if (!other.ok() || *other == apex || !apex.IsSubdomainOf(*other)) continue;
    if (!nearest || zone.apex.size() > nearest->apex.size()) nearest = &zone;
  }
  return nearest;
}

Status SignZone(const configs::Config& config, const configs::Zone& zone,
                dns::ZoneTable::Builder& builder) {
  const dns::Name apex = SUMMON_TRY(dns::Name::Parse(zone.apex));
  const auto keys = SUMMON_TRY(LoadKeys(*zone.dnssec));
  SUMMON_TRY(builder.SetSigning(
      apex, {.keys = keys, .owned_ttl_max = ServiceTtlMax(config, apex)}));
  for (const ZoneKeyset::Record& record : keys->ApexRecords(apex)) {
    SUMMON_TRY(builder.AddRecord({apex, record.type, ZoneKeyset::kTtl, record.rdata}));
  }
  const configs::Zone* parent = ParentOf(config, apex);
  if (parent == nullptr || !parent->dnssec) return Ok();
  for (const dns::Rdata& ds : keys->DsRdatas(apex)) {
    SUMMON_TRY(builder.AddRecord({apex, dns::RrType::kDs, ZoneKeyset::kTtl, ds}));
  }
  return Ok();
}

}  // namespace

void AddSigning(const configs::Config& config, dns::ZoneTable::Builder& builder,
                std::vector<std::string>& problems) {
  for (const configs::Zone& zone : config.zones) {
    if (!zone.dnssec) continue;
    const Status done = SignZone(config, zone, builder);
    if (!done.ok()) problems.push_back(StrCat("zone ", zone.apex, ": ", done.error().message()));
  }
}

}  // namespace summon::summoner
