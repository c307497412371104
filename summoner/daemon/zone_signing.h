// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the configuration's keys to zones whose answers are signed.

#include <string>
#include <vector>

#include "configs/config.h"
#include "dns/zone.h"

namespace summon::summoner {

// Reads the keys of the zones that have some, and adds what shows them: DNSKEY, CDS and CDNSKEY at
// the zone, DS at the signed zone of ours that it lies in. The zones are in the builder already.
// What is wrong goes to `problems`. Blocks on the file system.
void AddSigning(const configs::Config& config, dns::ZoneTable::Builder& builder,
                std::vector<std::string>& problems);

}  // namespace summon::summoner
