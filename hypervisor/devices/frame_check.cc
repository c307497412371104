// SPDX-License-Identifier: Apache-2.0
// The checks, header by header.
#include "hypervisor/devices/frame_check.h"

#include <algorithm>

namespace summon::hypervisor {

namespace {

// Ethernet (IEEE 802.3) and its types.
constexpr std::size_t kEthernetSize = 14;
constexpr std::size_t kSourceMac = 6;
constexpr std::size_t kEtherType = 12;
constexpr std::size_t kTypeIpv4 = 0x0800;
constexpr std::size_t kTypeArp = 0x0806;
// ARP for IPv4 over Ethernet (RFC 826).
constexpr std::size_t kArpSize = 28;
constexpr std::uint8_t kArpHead[] = {0, 1, 0x08, 0x00, 6, 4};  // hardware, protocol, sizes
constexpr std::size_t kArpOperation = 6;
constexpr std::size_t kArpSenderMac = 8;
constexpr std::size_t kArpSenderIp = 14;
constexpr std::size_t kArpRequest = 1;
constexpr std::size_t kArpReply = 2;
// IPv4 (RFC 791), UDP (RFC 768), DHCP (RFC 2131).
constexpr std::size_t kIpHeaderMin = 20;
constexpr std::size_t kIpTotal = 2;
constexpr std::size_t kIpFragment = 6;
constexpr std::size_t kFragmentOffsetMask = 0x1fff;
constexpr std::size_t kIpProtocol = 9;
constexpr std::size_t kIpSource = 12;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::size_t kUdpHeaderSize = 8;
constexpr std::size_t kPortDhcpServer = 67;

std::size_t Be16At(Bytes bytes, std::size_t at) {
  return static_cast<std::size_t>(bytes[at]) << 8 | bytes[at + 1];
}

template <std::size_t Size>
bool Equals(Bytes bytes, std::size_t at, const std::array<std::uint8_t, Size>& wanted) {
  return std::equal(wanted.begin(), wanted.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

FrameVerdict CheckArp(Bytes arp, const FrameRules& rules) {
  if (arp.size() < kArpSize) return FrameVerdict::kTruncated;
  if (!std::equal(std::begin(kArpHead), std::end(kArpHead), arp.begin())) {
    return FrameVerdict::kArp;
  }
  if (!Equals(arp, kArpSenderMac, rules.mac)) return FrameVerdict::kArp;
  if (rules.check == FrameCheck::kMac) return FrameVerdict::kPass;
  const std::size_t operation = Be16At(arp, kArpOperation);
  if (operation != kArpRequest && operation != kArpReply) return FrameVerdict::kArp;
  if (Equals(arp, kArpSenderIp, rules.ipv4)) return FrameVerdict::kPass;
  const bool probe = operation == kArpRequest &&
                     Equals(arp, kArpSenderIp, std::array<std::uint8_t, 4>{});
  return probe ? FrameVerdict::kPass : FrameVerdict::kArp;
}

FrameVerdict CheckIpv4(Bytes ip, const FrameRules& rules) {
  if (ip.size() < kIpHeaderMin) return FrameVerdict::kTruncated;
  const std::size_t header = static_cast<std::size_t>(ip[0] & 0xf) * 4;
  const std::size_t total = Be16At(ip, kIpTotal);
  if (ip[0] >> 4 != 4 || header < kIpHeaderMin || total < header || total > ip.size()) {
    return FrameVerdict::kTruncated;
  }
  if (!Equals(ip, kIpSource, rules.ipv4)) return FrameVerdict::kIpv4;
  const bool first_fragment = (Be16At(ip, kIpFragment) & kFragmentOffsetMask) == 0;
  if (ip[kIpProtocol] != kProtocolUdp || !first_fragment) return FrameVerdict::kPass;
  if (total - header < kUdpHeaderSize) return FrameVerdict::kTruncated;
  return Be16At(ip, header) == kPortDhcpServer ? FrameVerdict::kDhcpServer : FrameVerdict::kPass;
}

}  // namespace

std::string_view FrameVerdictName(FrameVerdict verdict) {
  switch (verdict) {
    case FrameVerdict::kPass: return "pass";
    case FrameVerdict::kTruncated: return "truncated";
    case FrameVerdict::kMac: return "mac";
    case FrameVerdict::kIpv4: return "ipv4";
    case FrameVerdict::kArp: return "arp";
    case FrameVerdict::kDhcpServer: return "dhcp_server";
    case FrameVerdict::kProtocol: return "protocol";
  }
  return "unknown";
}

FrameVerdict CheckFrame(Bytes frame, const FrameRules& rules) {
  if (rules.check == FrameCheck::kOff) return FrameVerdict::kPass;
  if (frame.size() < kEthernetSize) return FrameVerdict::kTruncated;
  if (!Equals(frame, kSourceMac, rules.mac)) return FrameVerdict::kMac;
  const std::size_t type = Be16At(frame, kEtherType);
  const Bytes payload = frame.subspan(kEthernetSize);
  if (type == kTypeArp) return CheckArp(payload, rules);
  if (rules.check == FrameCheck::kMac) return FrameVerdict::kPass;
  if (type == kTypeIpv4) return CheckIpv4(payload, rules);
  return FrameVerdict::kProtocol;
}

}  // namespace summon::hypervisor
