// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the data of each type consists of: one table for checking octets, reading text and
// writing it.

#include <cstdint>
#include <span>

#include "dns/types.h"

namespace summon::dns {

enum class Field : std::uint8_t {
  kU8,
  kU16,
  kU32,
  kPeriod,   // 32 bits of seconds; as text, units are allowed
  kIpv4,
  kIpv6,
  kName,     // not compressed
  kString,   // a character string: one octet of length, then so many
  kTag,      // a character string of letters and digits, at least one (RFC 8659 section 4.1)
  kCode,     // 16 bits, a type's name as text
  kTime,     // 32 bits; YYYYMMDDHHmmSS as text (RFC 4034 section 3.2)
  // These take all that is left.
  kStrings,    // one character string or more
  kText,       // octets, one quoted string as text
  kHex,        // octets, at least one, hexadecimal as text
  kBase64,     // octets, at least one, base64 as text
  kTypes,      // a type bitmap (RFC 4034 section 4.1.2)
  kSvcParams,  // RFC 9460 section 2.2
};

// Nothing for a type whose form we do not know: any octets will do (RFC 3597).
std::span<const Field> FormOf(RrType type);

}  // namespace summon::dns
