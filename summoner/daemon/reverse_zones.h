// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names of addresses: which zones below in-addr.arpa and ip6.arpa are ours, and what is in them.

#include <vector>

#include "configs/config.h"
#include "dns/name.h"

namespace summon::summoner {

struct ReversePointer {
  dns::Name owner;   // 10.0.77.10.in-addr.arpa
  dns::Name target;  // hello.summon.test
};

struct ReverseZone {
  dns::Name apex;
  std::vector<ReversePointer> pointers;
};

// The zones of the services' addresses: as much of the network as whole octets say, and never more
// than it. Addresses of name servers outside of the network have a zone each, that of their own
// name only: the rest of their network is not ours. What lies in a zone of the configuration is
// left to it.
std::vector<ReverseZone> ReverseZonesOf(const configs::Config& config);

}  // namespace summon::summoner
