// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the configuration to the table that DNS is answered from.

#include <map>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "configs/config.h"
#include "dns/zone.h"

namespace summon::summoner {

using ServiceIds = std::map<std::string, ServiceId, std::less<>>;

// Owner tags of the zone table are services; 0 stays "static".
dns::OwnerTag OwnerOf(ServiceId service);
ServiceId ServiceOf(dns::OwnerTag owner);  // not for dns::kStatic

// Builds the table of all zones: static records, name servers, and an A record for each name of
// each service. `ids` has every service of `config`. `serial` goes into every SOA.
// Errors: what the checked configuration still cannot know, such as an alias that has company.
Result<std::unique_ptr<const dns::ZoneTable>> BuildZoneTable(const configs::Config& config,
                                                             const ServiceIds& ids,
                                                             std::uint32_t serial);

}  // namespace summon::summoner
