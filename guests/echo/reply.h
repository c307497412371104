// SPDX-License-Identifier: Apache-2.0
#pragma once
// The whole network stack of the echo service: turns a request frame into its reply, in place.
//
// Pure and portable: bytes in, bytes out; tested on the host. It answers ARP requests for its
// address, ICMP echo, and UDP datagrams to port 7 (RFC 862). Since a reply goes back to where the
// request came from, it needs no neighbour table and no route.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "guests/runtime/arguments.h"

namespace summon::guest {

struct EchoStation {
  std::array<std::uint8_t, 6> mac;
  Ipv4 address;
};

inline constexpr std::uint16_t kEchoPort = 7;

// The length of the reply, which then stands at the beginning of `frame`; 0 when the frame gets
// none: it is for somebody else, malformed, a fragment, or a reply itself.
std::size_t MakeEchoReply(const EchoStation& station, std::span<std::uint8_t> frame);

}  // namespace summon::guest
