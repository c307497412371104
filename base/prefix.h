// SPDX-License-Identifier: Apache-2.0
#pragma once
// Networks as values: all addresses that begin with the same bits. What lists of "who may" are
// written in.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace summon {

struct IpPrefix {
  enum class Family : std::uint8_t { kIpv4, kIpv6 };

  Family family = Family::kIpv4;
  std::uint8_t length = 0;                // 0..32 or 0..128
  std::array<std::uint8_t, 16> octets{};  // network order; bits beyond the length are 0

  friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;

  // "10.0.0.0/8", "2001:db8::/32"; an address alone is itself only.
  // Errors: kInvalid with what is wrong with the text; so also when bits beyond the length are set,
  // which is a slip more often than not.
  static Result<IpPrefix> Parse(std::string_view text);
  std::string ToString() const;  // as Parse reads it, always with the length

  // `address` has 4 octets for IPv4 and 16 for IPv6.
  bool Contains(Family of, const std::uint8_t* address) const;
};

// What one entry of a list means: a prefix, or one of the words "any", "none", "loopback"
// (127.0.0.0/8 and ::1) and "local" (loopback, link-local and private addresses: RFC 1918, 3927,
// 4193, 4291).
// Errors: kInvalid, as above.
Result<std::vector<IpPrefix>> ParsePrefixes(std::string_view text);

}  // namespace summon
