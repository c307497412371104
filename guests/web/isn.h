// SPDX-License-Identifier: Apache-2.0
#pragma once
// TCP's initial sequence numbers, which nobody off the path may guess (RFC 6528). Portable.

#include <cstdint>

#include "base/siphash.h"

namespace summon::guest::web {

// The two ends of a connection. Addresses and ports in any byte order, as long as it is always
// the same.
struct TcpEnds {
  std::uint32_t local_address = 0;
  std::uint32_t remote_address = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
};

// RFC 6528 section 3: a clock of 4 us, so that the numbers of one pair of ends go up, plus a keyed
// hash of the ends, so that they tell nothing about those of another.
std::uint32_t InitialSequence(const SipKey& key, const TcpEnds& ends, std::uint64_t now_ns);

}  // namespace summon::guest::web
