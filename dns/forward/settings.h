// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the forwarder is to work; by configuration.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/prefix.h"
#include "dns/endpoint.h"
#include "dns/forward/cache.h"
#include "dns/name.h"

namespace summon::dns::forward {

// Names at or below `zone` are asked of these servers, unless a longer rule fits.
struct Rule {
  Name zone;
  std::vector<Endpoint> upstreams;
  std::string resolv_conf;  // instead of them: the file that names them; read again when it changes
  bool rebind_protection = true;
  bool trust_ad = false;  // AD is passed on as the server says it
  bool mix_case = true;
  friend bool operator==(const Rule&, const Rule&) = default;
};
inline constexpr std::size_t kRulesMax = 64;

struct Settings {
  std::vector<Rule> rules;
  std::vector<IpPrefix> allow_recursion;
  std::vector<Name> private_zones;  // whose names may lead into networks that are not public
  CacheLimits cache;
  std::size_t in_flight_max = 2'000;
  // Where we listen: a server of resolv.conf that is one of these is ourselves.
  std::vector<Endpoint> own_endpoints;
  friend bool operator==(const Settings&, const Settings&) = default;
};

// unbound drops what it would answer later than 1.9 s; who asks us may be one.
inline constexpr Duration kTotalMax = std::chrono::milliseconds(1'900);
// RFC 8767 section 5: then what is stale has to do.
inline constexpr Duration kStaleAfter = std::chrono::milliseconds(1'800);
inline constexpr std::uint32_t kStaleTtl = 30;  // RFC 8767 section 4
// Clients that wait for one question, and for all together.
inline constexpr std::size_t kWaitersPerFlightMax = 128;
inline constexpr std::size_t kWaitersMax = 8'192;
// One network (/24 or /56) has at most this part of what may be in flight.
inline constexpr std::size_t kShareOfOneNetwork = 2;

}  // namespace summon::dns::forward
