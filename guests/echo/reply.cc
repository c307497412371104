// SPDX-License-Identifier: Apache-2.0
// Which frames are answered, and with what; see the header.
#include "guests/echo/reply.h"

namespace summon::guest {

namespace {

using Frame = std::span<std::uint8_t>;

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kMacBytes = 6;
constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kTypeArp = 0x0806;

std::uint16_t Get16(Frame bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t Get32(Frame bytes, std::size_t at) {
  return std::uint32_t{Get16(bytes, at)} << 16 | Get16(bytes, at + 2);
}

void Put16(Frame bytes, std::size_t at, std::uint32_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void Put32(Frame bytes, std::size_t at, std::uint32_t value) {
  Put16(bytes, at, value >> 16);
  Put16(bytes, at + 2, value);
}

// RFC 1071, over an even number of bytes: 0xffff when the sum in place is right.
std::uint32_t Sum16(Frame bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += Get16(bytes, i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

void TurnEthernetAround(const EchoStation& station, Frame frame) {
  for (std::size_t i = 0; i < kMacBytes; ++i) {
    frame[i] = frame[kMacBytes + i];
    frame[kMacBytes + i] = station.mac[i];
  }
}

// RFC 826, Ethernet and IPv4 only.
std::size_t MakeArpReply(const EchoStation& station, Frame frame) {
  constexpr std::size_t kArpBytes = 28;
  constexpr std::uint32_t kEthernetForIpv4Lengths = 0x0604;
  if (frame.size() < kEthernetBytes + kArpBytes) return 0;
  const Frame arp = frame.subspan(kEthernetBytes, kArpBytes);
  constexpr std::uint16_t kRequest = 1;
  constexpr std::uint16_t kReply = 2;
  if (Get16(arp, 0) != 1 || Get16(arp, 2) != kTypeIpv4 ||
      Get16(arp, 4) != kEthernetForIpv4Lengths || Get16(arp, 6) != kRequest ||
      Get32(arp, 24) != station.address.value) {
    return 0;
  }
  Put16(arp, 6, kReply);
  for (std::size_t i = 0; i < 10; ++i) arp[18 + i] = arp[8 + i];  // the asker becomes the target
  for (std::size_t i = 0; i < kMacBytes; ++i) arp[8 + i] = station.mac[i];
  Put32(arp, 14, station.address.value);
  TurnEthernetAround(station, frame);
  return kEthernetBytes + kArpBytes;
}

// ICMP echo request into reply; the checksum changes by what the type does (RFC 1624).
bool TurnIcmpAround(Frame icmp) {
  constexpr std::uint8_t kEchoRequest = 8;
  if (icmp.size() < 8 || icmp[0] != kEchoRequest || icmp[1] != 0) return false;
  icmp[0] = 0;
  const std::uint32_t sum = Get16(icmp, 2) + (std::uint32_t{kEchoRequest} << 8);
  Put16(icmp, 2, (sum & 0xffff) + (sum >> 16));
  return true;
}

// Exchanging the ports, like the addresses, leaves the UDP checksum as it was.
bool TurnUdpAround(Frame udp) {
  if (udp.size() < 8 || Get16(udp, 2) != kEchoPort || Get16(udp, 4) > udp.size()) return false;
  const std::uint16_t source = Get16(udp, 0);
  if (source == kEchoPort || source == 0) return false;  // two echo services would never stop
  Put16(udp, 0, kEchoPort);
  Put16(udp, 2, source);
  return true;
}

std::size_t MakeIpv4Reply(const EchoStation& station, Frame frame) {
  constexpr std::size_t kHeaderMin = 20;
  constexpr std::uint8_t kTtl = 64;
  constexpr std::uint8_t kIcmp = 1;
  constexpr std::uint8_t kUdp = 17;
  constexpr std::uint16_t kFragmentBits = 0x3fff;  // more fragments, or an offset
  const Frame ip = frame.subspan(kEthernetBytes);
  if (ip.size() < kHeaderMin || ip[0] >> 4 != 4) return 0;
  const std::size_t header = std::size_t{ip[0] & 15u} * 4;
  const std::size_t total = Get16(ip, 2);
  if (header < kHeaderMin || total < header || total > ip.size()) return 0;
  if (Get32(ip, 16) != station.address.value || (Get16(ip, 6) & kFragmentBits) != 0) return 0;
  if (Sum16(ip.first(header)) != 0xffff) return 0;
  const Frame payload = ip.subspan(header, total - header);
  const bool turned = ip[9] == kIcmp  ? TurnIcmpAround(payload)
                      : ip[9] == kUdp ? TurnUdpAround(payload)
                                      : false;
  if (!turned) return 0;
  const std::uint32_t source = Get32(ip, 12);
  Put32(ip, 12, station.address.value);
  Put32(ip, 16, source);
  ip[8] = kTtl;
  Put16(ip, 10, 0);
  Put16(ip, 10, ~Sum16(ip.first(header)));
  TurnEthernetAround(station, frame);
  return kEthernetBytes + total;
}

}  // namespace

std::size_t MakeEchoReply(const EchoStation& station, std::span<std::uint8_t> frame) {
  if (frame.size() < kEthernetBytes) return 0;
  const std::uint16_t type = Get16(frame, 12);
  if (type == kTypeArp) return MakeArpReply(station, frame);
  for (std::size_t i = 0; i < kMacBytes; ++i) {
    if (frame[i] != station.mac[i]) return 0;  // no answer to broadcasts
  }
  return type == kTypeIpv4 ? MakeIpv4Reply(station, frame) : 0;
}

}  // namespace summon::guest
