// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the configuration to the table that DNS is answered from.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "configs/config.h"
#include "dns/zone.h"

namespace summon::summoner {

using ServiceIds = std::map<std::string, ServiceId, std::less<>>;

// Owner tags of the zone table are services; 0 stays "static".
dns::OwnerTag OwnerOf(ServiceId service);
ServiceId ServiceOf(dns::OwnerTag owner);  // not for dns::kStatic

struct ZoneBuild {
  std::unique_ptr<const dns::ZoneTable> table;  // null when there are problems
  // What the checked configuration still could not know: what is wrong in zone files, each with
  // its place, or an alias that has company.
  std::vector<std::string> problems;
};

// Builds the table of all zones: zone files, static records, name servers, and an A record for
// each name of each service. `ids` has every service of `config`. `serial` goes into every SOA but
// those of zone files. Blocks when there are zone files: not for the loop thread then.
ZoneBuild BuildZoneTable(const configs::Config& config, const ServiceIds& ids,
                         std::uint32_t serial);

}  // namespace summon::summoner
