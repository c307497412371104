// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a frame that a guest sends may leave its tap: a guest speaks for itself only.
//
// Checked against the device's own MAC address and, where it is known, the service's own IPv4
// address. What would take another's place is refused: other senders in Ethernet, IPv4 and ARP,
// a DHCP server's answers, and every protocol in which a sender cannot be checked (IPv6 with its
// router advertisements, VLAN tags, RARP, spanning tree). Pure and bounded: it looks at the first
// 78 bytes at most. The caller gives it a copy that the guest cannot change any more.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

struct FrameRules {
  FrameCheck check = FrameCheck::kOff;
  std::array<std::uint8_t, 6> mac{};   // kMac and kAddress
  std::array<std::uint8_t, 4> ipv4{};  // kAddress
};

enum class FrameVerdict : std::uint8_t {
  kPass,
  kTruncated,    // too short for the headers that its own type calls for, or malformed
  kMac,          // the sender's MAC address is not the device's
  kIpv4,         // the sender's IPv4 address is not the service's (0.0.0.0 is not either)
  kArp,          // an ARP message that speaks for somebody else, or is no Ethernet/IPv4 ARP
  kDhcpServer,   // a DHCP server's answer
  kProtocol,     // neither IPv4 nor ARP
};
std::string_view FrameVerdictName(FrameVerdict verdict);

// kOff passes everything. kMac looks at the sender's MAC in the Ethernet header and, in an ARP
// message, once more there; the rest is the guest's own choice. kAddress refuses all that is not
// IPv4 or ARP from the service's own address. An ARP probe (RFC 5227: a request from 0.0.0.0)
// claims nothing and passes; so does a gratuitous ARP for the service's own address.
FrameVerdict CheckFrame(Bytes frame, const FrameRules& rules);

}  // namespace summon::hypervisor
