// SPDX-License-Identifier: Apache-2.0
// What a guest that writes to its tap itself gets past the kernel: frames in its own name.
#include "launcher/tap/send_filter.h"

#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <netinet/in.h>
#include <string>
#include <vector>

#include "launcher/tap/tap.h"
#include "tests/hypervisor/frames.h"

namespace summon::launcher {

namespace {

using hypervisor::ArpFrame;
using hypervisor::EthernetFrame;
using hypervisor::kFrameIpv4;
using hypervisor::kFrameMac;
using hypervisor::UdpFrame;
using Frame = std::vector<std::uint8_t>;

constexpr int kForgeries = 1000;
constexpr std::array<std::uint8_t, 4> kOther = {10, 77, 0, 99};

// Each kind of frame that must stay.
std::vector<Frame> Forgeries() {
  Frame other_mac = UdpFrame({});
  other_mac[11] ^= 1;
  Frame arp_mac = ArpFrame({});
  arp_mac[22] ^= 1;
  Frame short_arp = ArpFrame({});
  short_arp.resize(40);
  Frame tagged = EthernetFrame(0x8100);  // VLAN 1 around a frame of its own
  const Frame inner = UdpFrame({});
  tagged.resize(16);
  tagged[15] = 1;
  tagged.insert(tagged.end(), inner.begin() + 12, inner.end());
  return {other_mac,
          UdpFrame({.source = kOther}),
          UdpFrame({.source = {0, 0, 0, 0}, .source_port = 68, .destination_port = 67}),
          UdpFrame({.source_port = 67, .destination_port = 68}),
          ArpFrame({.operation = 2, .sender_ip = {10, 77, 0, 1}}),
          ArpFrame({.operation = 1, .sender_ip = kOther, .target_ip = kOther}),
          arp_mac,
          short_arp,
          EthernetFrame(0x86dd),
          EthernetFrame(0x8035),
          EthernetFrame(0x0026),
          tagged};
}

class SendFilterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "not root: no taps, no network namespace";
    if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/net/tun";
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  }

  void MakeTap(SpoofCheck check) {
    const MacAddress mac{kFrameMac};
    auto made = Tap::Create({.name = "smsend0", .address = Ipv4Address{kFrameIpv4},
                             .gateway = Ipv4Address{{10, 77, 0, 1}}, .guest_mac = mac,
                             .spoof_check = check});
    ASSERT_TRUE(made.ok()) << made.error().message();
    tap_ = std::move(made).value();
    if (!tap_->send_filter().ok()) GTEST_SKIP() << tap_->send_filter().error().message();
    // A protocol's own packet socket hears what the traffic control has let pass; one for
    // ETH_P_ALL would hear everything.
    for (const int protocol : {ETH_P_IP, ETH_P_ARP, ETH_P_IPV6, ETH_P_RARP, ETH_P_802_2,
                               ETH_P_8021Q}) {
      UniqueFd listener(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      sockaddr_ll at{};
      at.sll_family = AF_PACKET;
      at.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
      at.sll_ifindex = static_cast<int>(if_nametoindex("smsend0"));
      // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
      ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
      listeners_.push_back(std::move(listener));
    }
  }
  void Send(const Frame& frame) const {
    ASSERT_EQ(write(tap_->fd(), frame.data(), frame.size()),
              static_cast<ssize_t>(frame.size()));
  }
  // How many frames the host has taken from the guest since the last call.
  int Heard() {
    int heard = 0;
    for (const UniqueFd& listener : listeners_) {
      std::uint8_t frame[2048];
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      // SAFETY: as above.
      while (recvfrom(listener.get(), frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from),
                      &size) > 0) {
        if (from.sll_pkttype != PACKET_OUTGOING) ++heard;
      }
    }
    return heard;
  }

  std::unique_ptr<Tap> tap_;
  std::vector<UniqueFd> listeners_;
};

TEST_F(SendFilterTest, OfAThousandForgedFramesNoneLeavesTheTap) {
  MakeTap(SpoofCheck::kAddress);
  if (IsSkipped()) return;
  const std::vector<Frame> forgeries = Forgeries();
  for (int i = 0; i < kForgeries; ++i) Send(forgeries[static_cast<std::size_t>(i) %
                                                      forgeries.size()]);
  EXPECT_EQ(Heard(), 0);
  Send(UdpFrame({}));
  Send(ArpFrame({.operation = 1}));
  Send(ArpFrame({.operation = 2}));
  Send(ArpFrame({.operation = 1, .sender_ip = {0, 0, 0, 0}}));
  EXPECT_EQ(Heard(), 4);
}

// Else the test above could not fail.
TEST_F(SendFilterTest, WithoutTheCheckTheyLeave) {
  MakeTap(SpoofCheck::kOff);
  const std::vector<Frame> forgeries = Forgeries();
  for (const Frame& frame : forgeries) Send(frame);
  EXPECT_GT(Heard(), static_cast<int>(forgeries.size()) / 2);
}

TEST_F(SendFilterTest, ByMacOnlyTheMacIsLookedAt) {
  MakeTap(SpoofCheck::kMac);
  if (IsSkipped()) return;
  const std::vector<Frame> forgeries = Forgeries();
  Send(forgeries[0]);                  // another MAC
  Send(forgeries[6]);                  // another MAC inside ARP
  EXPECT_EQ(Heard(), 0);
  Send(UdpFrame({.source = kOther}));
  Send(EthernetFrame(0x86dd));
  EXPECT_EQ(Heard(), 2);
}

}  // namespace
}  // namespace summon::launcher
