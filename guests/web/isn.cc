// SPDX-License-Identifier: Apache-2.0
// RFC 6528 with SipHash in the place of MD5, as RFC 9293 section 3.4.1 allows.
#include "guests/web/isn.h"

namespace summon::guest::web {

std::uint32_t InitialSequence(const SipKey& key, const TcpEnds& ends, std::uint64_t now_ns) {
  constexpr std::uint64_t kTickNs = 4000;
  std::uint8_t bytes[12];
  __builtin_memcpy(bytes, &ends.local_address, 4);
  __builtin_memcpy(bytes + 4, &ends.remote_address, 4);
  __builtin_memcpy(bytes + 8, &ends.local_port, 2);
  __builtin_memcpy(bytes + 10, &ends.remote_port, 2);
  return static_cast<std::uint32_t>(now_ns / kTickNs + SipHash24(key, bytes));
}

}  // namespace summon::guest::web
