// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which Ethernet frame is the beginning of a service's answer.
//
// The last stage of a boot is the first frame out that carries something for a client: a UDP
// datagram, an ICMP echo reply, or TCP payload (not the SYN-ACK: a machine that only greets has
// not answered). Header only, without calls, so that spt's signal handler can use it too.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace summon::hypervisor {

namespace frame_internal {

// RFC 791, RFC 9293, RFC 792: offsets in an Ethernet frame without a VLAN tag.
inline constexpr std::size_t kEtherType = 12;
inline constexpr std::size_t kIp = 14;
inline constexpr std::size_t kIpHeaderMin = 20;
inline constexpr std::size_t kTcpHeaderMin = 20;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kIcmpEchoReply = 0;

constexpr std::size_t Be16At(Bytes bytes, std::size_t at) {
  return static_cast<std::size_t>(bytes[at]) << 8 | bytes[at + 1];
}

}  // namespace frame_internal

// True for an IPv4 frame with UDP, an ICMP echo reply, or TCP payload. A later fragment of a
// datagram counts as well: it is payload.
constexpr bool CarriesAnswer(Bytes frame) {
  using namespace frame_internal;
  if (frame.size() < kIp + kIpHeaderMin || Be16At(frame, kEtherType) != 0x0800) return false;
  const Bytes ip = frame.subspan(kIp);
  const std::size_t header = static_cast<std::size_t>(ip[0] & 0xf) * 4;
  const std::size_t total = Be16At(ip, 2);
  if (ip[0] >> 4 != 4 || header < kIpHeaderMin || total < header || total > ip.size()) return false;
  const Bytes payload = ip.subspan(header, total - header);
  const bool later_fragment = (Be16At(ip, 6) & 0x1fff) != 0;
  if (later_fragment) return !payload.empty();
  switch (ip[9]) {
    case kProtocolUdp: return !payload.empty();
    case kProtocolIcmp: return !payload.empty() && payload[0] == kIcmpEchoReply;
    case kProtocolTcp: {
      if (payload.size() < kTcpHeaderMin) return false;
      const std::size_t tcp_header = static_cast<std::size_t>(payload[12] >> 4) * 4;
      return tcp_header >= kTcpHeaderMin && payload.size() > tcp_header;
    }
    default: return false;
  }
}

}  // namespace summon::hypervisor
