// SPDX-License-Identifier: Apache-2.0
#pragma once
// Class CHAOS: what a server tells about itself, by policy. Version and name help an attacker as
// much as an operator, so both are kept unless they are configured.

#include <span>
#include <string>

#include "dns/message.h"
#include "dns/response.h"

namespace summon::dns {

struct ServerIdentity {
  static constexpr std::size_t kTextMax = 255;  // one string of TXT

  std::string version;   // version.bind and version.server; empty: not told
  std::string hostname;  // hostname.bind and id.server (RFC 4892); empty: not told
};

// The answer to a query of class CHAOS: TXT for what is told, NODATA for its other types, REFUSED
// for the rest.
Response WriteIdentity(const Query& query, const ServerIdentity& identity,
                       std::span<std::uint8_t> space);

}  // namespace summon::dns
