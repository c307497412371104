// SPDX-License-Identifier: Apache-2.0
// Frames that a guest may send, and frames with which it would be somebody else.
#include "hypervisor/devices/frame_check.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/hypervisor/frames.h"

namespace summon::hypervisor {
namespace {

FrameRules Rules(FrameCheck check) { return {check, kFrameMac, kFrameIpv4}; }

FrameVerdict Of(const std::vector<std::uint8_t>& frame, FrameCheck check = FrameCheck::kAddress) {
  return CheckFrame(frame, Rules(check));
}

constexpr std::array<std::uint8_t, 4> kOther = {10, 77, 0, 99};
constexpr std::array<std::uint8_t, 4> kNone = {0, 0, 0, 0};

TEST(FrameCheck, OwnIpv4Passes) { EXPECT_EQ(Of(UdpFrame({})), FrameVerdict::kPass); }

TEST(FrameCheck, AnotherSourceMacIsRefused) {
  auto frame = UdpFrame({});
  frame[11] ^= 1;
  EXPECT_EQ(Of(frame), FrameVerdict::kMac);
  EXPECT_EQ(Of(frame, FrameCheck::kMac), FrameVerdict::kMac);
  EXPECT_EQ(Of(frame, FrameCheck::kOff), FrameVerdict::kPass);
}

TEST(FrameCheck, AnotherIpv4SourceIsRefusedWhereTheAddressIsKnown) {
  const auto frame = UdpFrame({.source = kOther});
  EXPECT_EQ(Of(frame), FrameVerdict::kIpv4);
  EXPECT_EQ(Of(frame, FrameCheck::kMac), FrameVerdict::kPass);
}

TEST(FrameCheck, DhcpClientWithoutAnAddressIsRefused) {
  EXPECT_EQ(Of(UdpFrame({.source = kNone, .source_port = 68, .destination_port = 67})),
            FrameVerdict::kIpv4);
}

TEST(FrameCheck, DhcpServersAnswerIsRefused) {
  EXPECT_EQ(Of(UdpFrame({.source_port = 67, .destination_port = 68})), FrameVerdict::kDhcpServer);
}

TEST(FrameCheck, LaterFragmentHasNoPortsToLookAt) {
  auto frame = UdpFrame({.source_port = 67});
  frame[20] = 0x00;
  frame[21] = 0x10;
  EXPECT_EQ(Of(frame), FrameVerdict::kPass);
}

TEST(FrameCheck, TruncatedHeadersAreRefused) {
  const auto whole = UdpFrame({});
  EXPECT_EQ(Of({whole.begin(), whole.begin() + 13}), FrameVerdict::kTruncated);
  EXPECT_EQ(Of({whole.begin(), whole.begin() + 33}), FrameVerdict::kTruncated);
  EXPECT_EQ(Of({whole.begin(), whole.begin() + 35}), FrameVerdict::kTruncated);
  const auto arp = ArpFrame({});
  EXPECT_EQ(Of({arp.begin(), arp.begin() + 41}), FrameVerdict::kTruncated);
}

TEST(FrameCheck, MalformedIpv4IsRefused) {
  auto version = UdpFrame({});
  version[14] = 0x65;
  EXPECT_EQ(Of(version), FrameVerdict::kTruncated);
  auto short_header = UdpFrame({});
  short_header[14] = 0x44;
  EXPECT_EQ(Of(short_header), FrameVerdict::kTruncated);
  auto options = UdpFrame({});
  options[14] = 0x4f;  // a header of 60 bytes in a datagram of fewer
  EXPECT_EQ(Of(options), FrameVerdict::kTruncated);
  auto udp = UdpFrame({});
  udp[17] = 27;  // seven of the eight bytes of UDP's header
  EXPECT_EQ(Of(udp), FrameVerdict::kTruncated);
}

TEST(FrameCheck, OwnArpPasses) {
  EXPECT_EQ(Of(ArpFrame({.operation = 1})), FrameVerdict::kPass);
  EXPECT_EQ(Of(ArpFrame({.operation = 2})), FrameVerdict::kPass);
}

TEST(FrameCheck, GratuitousArpForAnotherIsRefused) {
  EXPECT_EQ(Of(ArpFrame({.operation = 1, .sender_ip = kOther, .target_ip = kOther})),
            FrameVerdict::kArp);
  EXPECT_EQ(Of(ArpFrame({.operation = 2, .sender_ip = kOther})), FrameVerdict::kArp);
}

TEST(FrameCheck, ArpProbeClaimsNothingAndPasses) {
  EXPECT_EQ(Of(ArpFrame({.operation = 1, .sender_ip = kNone})), FrameVerdict::kPass);
  EXPECT_EQ(Of(ArpFrame({.operation = 2, .sender_ip = kNone})), FrameVerdict::kArp);
}

TEST(FrameCheck, ArpWithAnotherSenderMacIsRefusedEvenWithoutAnAddress) {
  auto frame = ArpFrame({});
  frame[22] ^= 1;
  EXPECT_EQ(Of(frame), FrameVerdict::kArp);
  EXPECT_EQ(Of(frame, FrameCheck::kMac), FrameVerdict::kArp);
}

TEST(FrameCheck, ArpOfOtherHardwareIsRefused) {
  auto frame = ArpFrame({});
  frame[15] = 6;
  EXPECT_EQ(Of(frame), FrameVerdict::kArp);
  EXPECT_EQ(Of(ArpFrame({.operation = 3})), FrameVerdict::kArp);  // RARP's numbers
}

TEST(FrameCheck, OtherProtocolsAreRefused) {
  EXPECT_EQ(Of(EthernetFrame(0x86dd)), FrameVerdict::kProtocol);  // IPv6
  EXPECT_EQ(Of(EthernetFrame(0x8035)), FrameVerdict::kProtocol);  // RARP
  EXPECT_EQ(Of(EthernetFrame(0x8100)), FrameVerdict::kProtocol);  // VLAN
  EXPECT_EQ(Of(EthernetFrame(0x88a8)), FrameVerdict::kProtocol);  // VLAN in VLAN
  EXPECT_EQ(Of(EthernetFrame(0x0026)), FrameVerdict::kProtocol);  // IEEE 802.2: spanning tree
  EXPECT_EQ(Of(EthernetFrame(0x86dd), FrameCheck::kMac), FrameVerdict::kPass);
}

// Every frame of up to 78 bytes around each bound: ASan sees a byte too far.
TEST(FrameCheck, EveryLengthIsSafe) {
  for (const std::size_t type : {0x0800, 0x0806}) {
    for (int first = 0; first < 256; ++first) {
      auto frame = EthernetFrame(static_cast<std::uint16_t>(type));
      frame[14] = static_cast<std::uint8_t>(first);
      for (std::size_t size = 0; size <= frame.size(); ++size) {
        const std::vector<std::uint8_t> cut(frame.begin(),
                                            frame.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_NE(Of(cut), FrameVerdict::kPass) << size;  // all zero: nobody's address
      }
    }
  }
}

}  // namespace
}  // namespace summon::hypervisor
