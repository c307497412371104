// SPDX-License-Identifier: Apache-2.0
#pragma once
// The octets that a signature is over (RFC 4034 sections 3.1.8.1 and 6). Pure.

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/signer.h"

namespace summon::dns::dnssec {

// Record data with its names in lower case, for the types where that is the canonical form
// (RFC 4034 section 6.2 as amended by RFC 6840 section 5.1). Malformed data stays as it is.
Rdata CanonicalRdata(RrType type, Bytes rdata);

// What an RRSIG record says, in seconds since 1970; on the wire modulo 2^32 (RFC 4034 section
// 3.1.5).
struct SignatureTerms {
  std::int64_t inception = 0;
  std::int64_t expiration = 0;
  std::uint16_t key_tag = 0;
};

// The RRSIG data without its signature.
RrsigRdata RrsigHead(const SetToSign& set, const SignatureTerms& terms);

// The head, then every record of the set once, in canonical order.
std::vector<std::uint8_t> SignedOctets(const SetToSign& set, const RrsigRdata& head);

}  // namespace summon::dns::dnssec
