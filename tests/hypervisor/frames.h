// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ethernet frames for tests of what a guest may send.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace summon::hypervisor {

inline constexpr std::array<std::uint8_t, 6> kFrameMac = {2, 0, 0x0a, 0x4d, 0, 0x0a};
inline constexpr std::array<std::uint8_t, 4> kFrameIpv4 = {10, 77, 0, 10};

inline void PutBe16(std::vector<std::uint8_t>& frame, std::size_t at, std::size_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

// A broadcast from kFrameMac of that type, with 64 bytes of zeroes.
inline std::vector<std::uint8_t> EthernetFrame(std::uint16_t type) {
  std::vector<std::uint8_t> frame(14 + 64);
  std::fill_n(frame.begin(), 6, 0xff);
  std::copy(kFrameMac.begin(), kFrameMac.end(), frame.begin() + 6);
  PutBe16(frame, 12, type);
  return frame;
}

struct UdpParts {
  std::array<std::uint8_t, 4> source = kFrameIpv4;
  std::uint16_t source_port = 4000;
  std::uint16_t destination_port = 4001;
};

// A datagram of 4 bytes to 10.77.0.1.
inline std::vector<std::uint8_t> UdpFrame(const UdpParts& parts) {
  std::vector<std::uint8_t> frame = EthernetFrame(0x0800);
  frame.resize(14 + 20 + 8 + 4);
  frame[14] = 0x45;
  PutBe16(frame, 16, 32);
  frame[22] = 64;
  frame[23] = 17;
  std::copy(parts.source.begin(), parts.source.end(), frame.begin() + 26);
  constexpr std::uint8_t kGateway[] = {10, 77, 0, 1};
  std::copy(std::begin(kGateway), std::end(kGateway), frame.begin() + 30);
  PutBe16(frame, 34, parts.source_port);
  PutBe16(frame, 36, parts.destination_port);
  PutBe16(frame, 38, 12);
  return frame;
}

struct ArpParts {
  std::uint16_t operation = 1;
  std::array<std::uint8_t, 4> sender_ip = kFrameIpv4;
  std::array<std::uint8_t, 4> target_ip = {10, 77, 0, 1};
};

inline std::vector<std::uint8_t> ArpFrame(const ArpParts& parts) {
  std::vector<std::uint8_t> frame = EthernetFrame(0x0806);
  frame.resize(14 + 28);
  constexpr std::uint8_t kHead[] = {0, 1, 8, 0, 6, 4};
  std::copy(std::begin(kHead), std::end(kHead), frame.begin() + 14);
  PutBe16(frame, 20, parts.operation);
  std::copy(kFrameMac.begin(), kFrameMac.end(), frame.begin() + 22);
  std::copy(parts.sender_ip.begin(), parts.sender_ip.end(), frame.begin() + 28);
  std::copy(parts.target_ip.begin(), parts.target_ip.end(), frame.begin() + 38);
  return frame;
}

}  // namespace summon::hypervisor
