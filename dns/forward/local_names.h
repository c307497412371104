// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names that no server of the public DNS knows, and that are not asked for outside: loopback, local
// and reserved ones. A rule for such a zone, or for one below it, is meant and wins.

#include <cstdint>
#include <span>

#include "dns/message.h"
#include "dns/name.h"
#include "dns/response.h"

namespace summon::dns::forward {

enum class LocalName : std::uint8_t {
  kNone,
  kLoopback,    // localhost (RFC 6761 section 6.3)
  kNoName,      // invalid, test, local, onion, home.arpa, alt: NXDOMAIN
  kNoData,      // resolver.arpa: we tell no other way to reach us (RFC 9462 section 6.4)
};

// What `name` is when the rule that fits it is for `rule_zone`.
LocalName LocalNameOf(const Name& name, const Name& rule_zone);

// The answer, with RA; `local` is not kNone.
Response WriteLocalAnswer(LocalName local, const Query& query, std::span<std::uint8_t> space);

}  // namespace summon::dns::forward
