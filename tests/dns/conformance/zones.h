// SPDX-License-Identifier: Apache-2.0
#pragma once
// Zones as text, for our table and for the zone files of other servers: both serve the same.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dns/zone.h"

namespace summon::dns::test {

// Data as in a zone file (RFC 1035 section 5.1; "\# LENGTH HEX" by RFC 3597 section 5 for types
// other than A, AAAA, NS, CNAME, PTR, MX, SRV and TXT of one string). Names are absolute, without
// the dot at their end.
struct SourceRecord {
  std::string owner;
  std::string type;
  std::string data;
  std::uint32_t ttl = 300;
};

struct SourceZone {
  std::string apex;
  std::vector<SourceRecord> records;  // without SOA
};

// Of every SOA: its own TTL, and its MINIMUM, which is the lesser one.
inline constexpr std::uint32_t kSoaTtl = 300;
inline constexpr std::uint32_t kSoaMinimum = 60;

// "conf.test" with every kind of name in it, "inner.conf.test" inside it, and "example", the zone
// of RFC 4592 section 2.2.1.
std::vector<SourceZone> ConformanceZones();

std::unique_ptr<const ZoneTable> BuildTable(const std::vector<SourceZone>& zones);

// With its SOA, as NSD, Knot and BIND read it.
std::string ZoneFileText(const SourceZone& zone);

}  // namespace summon::dns::test
