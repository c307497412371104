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
#include "summoner/daemon/zone_serials.h"

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
  ZoneSerials serials;  // as they are with this table
};

// Builds the table of all zones: zone files, static records, name servers, an A record and what
// else is configured for each name of each service, and the zones of addresses. `ids` has every
// service of `config`. Serials go on from `before` at the time `now_s` (seconds since 1970); a zone
// that is nothing but a zone file has the file's. Blocks on files: not for the loop thread.
ZoneBuild BuildZoneTable(const configs::Config& config, const ServiceIds& ids,
                         const ZoneSerials& before, std::uint32_t now_s);

}  // namespace summon::summoner
