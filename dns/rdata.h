// SPDX-License-Identifier: Apache-2.0
#pragma once
// Record data: made from values, and checked when it comes as octets.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

using Rdata = std::vector<std::uint8_t>;

Rdata AddressRdata(Ipv4Address address);           // A
Rdata AddressRdata(const Ipv6Address& address);    // AAAA
Rdata NameRdata(const Name& name);                 // NS, CNAME, PTR
// TXT: `text` cut into strings of at most 255 octets.
Rdata TextRdata(std::string_view text);

struct Mx {
  std::uint16_t preference = 0;
  Name exchange;
};
Rdata MxRdata(const Mx& mx);

struct Srv {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  Name target;
};
Rdata SrvRdata(const Srv& srv);

// Start of authority (RFC 1035 section 3.3.13), times in seconds.
struct Soa {
  Name primary;
  Name mailbox;
  std::uint32_t serial = 1;
  std::uint32_t refresh_s = 3'600;
  std::uint32_t retry_s = 600;
  std::uint32_t expire_s = 86'400;
  std::uint32_t minimum_s = 10;  // how long "there is none" may be cached (RFC 2308 section 4)
};
Rdata SoaRdata(const Soa& soa);

// Errors: kInvalid when `rdata` is not well-formed for a type whose form we know; types that we
// do not know may hold anything up to 65535 octets (RFC 3597).
Status CheckRdata(RrType type, Bytes rdata);

// How the names inside the data of a type may be found, for compression (RFC 3597 section 4
// allows it for the types of RFC 1035 only): `prefix` octets, then `names` names, then the rest.
struct RdataShape {
  std::size_t prefix = 0;
  std::size_t names = 0;
};
RdataShape CompressibleShape(RrType type);

// The length of the uncompressed name at the front of `bytes`; 0 when there is none.
std::size_t WireNameLength(Bytes bytes);

}  // namespace summon::dns
