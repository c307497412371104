// SPDX-License-Identifier: Apache-2.0
// Taps in a network namespace of the test's own: what waits, what wakes, what is left alone.
#include "launcher/tap/tap.h"

#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace summon::launcher {

namespace {

constexpr Ipv4Address kGuest{{10, 77, 0, 10}};
constexpr Ipv4Address kGateway{{10, 77, 0, 1}};

sockaddr_in SocketAddress(Ipv4Address address, std::uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  std::memcpy(&to.sin_addr, address.octets.data(), address.octets.size());
  return to;
}

// SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
template <typename Address>
const sockaddr* Generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

class TapTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "not root: no taps, no network namespace";
    if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/net/tun";
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    Result<std::unique_ptr<Tap>> made = Tap::Create(spec_);
    ASSERT_TRUE(made.ok()) << made.error().message();
    tap_ = std::move(made).value();
  }

  static bool Readable(int fd) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }
  bool Readable() const { return Readable(tap_->fd()); }
  // The frames that wait.
  std::size_t Drain(int fd) const {
    std::size_t frames = 0;
    std::uint8_t frame[2048];
    while (read(fd, frame, sizeof frame) > 0) ++frames;
    return frames;
  }

  // The next frame that waits; empty when none does.
  std::vector<std::uint8_t> Read() const {
    std::vector<std::uint8_t> frame(2048);
    const ssize_t size = read(tap_->fd(), frame.data(), frame.size());
    frame.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return frame;
  }

  // An IPv4 frame to the guest with `protocol`; `at_13` is byte 13 of its payload (TCP's flags)
  // and `at_0` byte 0 (ICMP's type).
  struct Payload {
    std::uint8_t protocol = IPPROTO_TCP;
    std::uint8_t at_0 = 0;
    std::uint8_t at_13 = 0;
    std::uint16_t fragment_offset = 0;
    std::uint8_t data_bytes = 0;  // beyond a TCP header of 20 bytes
  };
  std::vector<std::uint8_t> Frame(const Payload& payload) const {
    constexpr std::uint8_t kHeaders = 20 + 20;
    std::vector<std::uint8_t> frame(std::size_t{ETH_HLEN} + kHeaders + payload.data_bytes);
    std::memcpy(frame.data(), spec_.guest_mac.octets.data(), ETH_ALEN);
    frame[12] = 0x08;  // IPv4
    std::uint8_t* ip = frame.data() + ETH_HLEN;
    ip[0] = 0x45;
    ip[3] = static_cast<std::uint8_t>(kHeaders + payload.data_bytes);
    ip[6] = static_cast<std::uint8_t>(payload.fragment_offset >> 8);
    ip[7] = static_cast<std::uint8_t>(payload.fragment_offset);
    ip[9] = payload.protocol;
    std::memcpy(ip + 16, kGuest.octets.data(), kGuest.octets.size());
    ip[20] = payload.at_0;
    ip[20 + 12] = 0x50;  // the TCP header has five words
    ip[20 + 13] = payload.at_13;
    return frame;
  }
  // Has the host send `frame` out of the tap: into its queue, unless the filter refuses it.
  void Inject(const std::vector<std::uint8_t>& frame) const {
    const UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex(spec_.name.c_str()));
    ASSERT_EQ(sendto(fd.get(), frame.data(), frame.size(), 0, Generic(to), sizeof to),
              static_cast<ssize_t>(frame.size()))
        << std::strerror(errno);
  }

  const TapSpec spec_{.name = "smtap0",
                      .address = kGuest,
                      .gateway = kGateway,
                      .guest_mac = DeriveGuestMac("web")};
  std::unique_ptr<Tap> tap_;
  HostSide host_;
};

TEST_F(TapTest, ASynSentBeforeAnyReaderWaitsInTheQueue) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in to = SocketAddress(kGuest, 80);
  ASSERT_EQ(connect(fd.get(), Generic(to), sizeof to), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  ASSERT_TRUE(Readable());
  std::uint8_t frame[2048];
  ASSERT_GT(read(tap_->fd(), frame, sizeof frame), ETH_HLEN);
  EXPECT_EQ(std::memcmp(frame, spec_.guest_mac.octets.data(), ETH_ALEN), 0);
  EXPECT_EQ(std::memcmp(frame + ETH_ALEN, DeriveHostMac("smtap0").octets.data(), ETH_ALEN), 0);
}

TEST_F(TapTest, NothingWakesItByItself) { EXPECT_FALSE(Readable()); }

TEST_F(TapTest, BroadcastNoiseDoesNotWake) {
  std::vector<std::uint8_t> frame = Frame({.protocol = IPPROTO_UDP});
  std::fill_n(frame.begin(), ETH_ALEN, std::uint8_t{0xff});
  Inject(frame);
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, AnotherAddressDoesNotWake) {
  std::vector<std::uint8_t> frame = Frame({.protocol = IPPROTO_UDP});
  frame[ETH_HLEN + 19] = 11;
  Inject(frame);
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, ArpDoesNotWake) {
  std::vector<std::uint8_t> frame = Frame({});
  frame[13] = 0x06;  // 0x0806
  Inject(frame);
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, UdpWakes) {
  Inject(Frame({.protocol = IPPROTO_UDP}));
  EXPECT_TRUE(Readable());
}

TEST_F(TapTest, ALaterFragmentOfUdpWakes) {
  Inject(Frame({.protocol = IPPROTO_UDP, .fragment_offset = 100}));
  EXPECT_TRUE(Readable());
}

TEST_F(TapTest, TcpWakes) {
  constexpr std::uint8_t kSyn = 0x02;
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kSyn}));
  EXPECT_TRUE(Readable());
}

TEST_F(TapTest, ATcpResetDoesNotWake) {
  constexpr std::uint8_t kResetAck = 0x14;
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kResetAck}));
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, ABareAcknowledgementDoesNotWake) {
  constexpr std::uint8_t kAck = 0x10;
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kAck}));
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, DataOnAnOldConnectionWakes) {
  constexpr std::uint8_t kAck = 0x10;
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kAck, .data_bytes = 1}));
  EXPECT_TRUE(Readable());
}

TEST_F(TapTest, TheEndOfAnOldConnectionDoesNotWake) {
  constexpr std::uint8_t kFinAck = 0x11;
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kFinAck}));
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, AnEchoRequestWakes) {
  constexpr std::uint8_t kEchoRequest = 8;
  Inject(Frame({.protocol = IPPROTO_ICMP, .at_0 = kEchoRequest}));
  EXPECT_TRUE(Readable());
}

TEST_F(TapTest, AnEchoReplyDoesNotWake) {
  Inject(Frame({.protocol = IPPROTO_ICMP, .at_0 = 0}));
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, OtherProtocolsDoNotWake) {
  Inject(Frame({.protocol = IPPROTO_GRE}));
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, AwakeItGetsEverything) {
  ASSERT_TRUE(tap_->Wake().ok());
  Inject(Frame({.protocol = IPPROTO_GRE}));
  EXPECT_TRUE(Readable());
  EXPECT_EQ(Drain(tap_->fd()), 1u);
  ASSERT_TRUE(tap_->Sleep().ok());
  Inject(Frame({.protocol = IPPROTO_GRE}));
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, SweptItKeepsWhatShouldWakeInOrderAndNothingElse) {
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kFinAck = 0x11;
  const std::vector<std::uint8_t> first = Frame({.protocol = IPPROTO_UDP, .at_0 = 1});
  const std::vector<std::uint8_t> second = Frame({.protocol = IPPROTO_UDP, .at_0 = 2});
  ASSERT_TRUE(tap_->Wake().ok());
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kAck}));
  Inject(first);
  Inject(Frame({.protocol = IPPROTO_TCP, .at_13 = kFinAck}));
  Inject(second);
  ASSERT_TRUE(tap_->Sleep().ok());

  const Status swept = tap_->Sweep(host_);

  ASSERT_TRUE(swept.ok()) << swept.error().message();
  EXPECT_EQ(Read(), first);
  EXPECT_EQ(Read(), second);
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, SweptOfNoiseItIsStill) {
  ASSERT_TRUE(tap_->Wake().ok());
  Inject(Frame({.protocol = IPPROTO_GRE}));
  ASSERT_TRUE(tap_->Sleep().ok());
  ASSERT_TRUE(Readable());
  ASSERT_TRUE(tap_->Sweep(host_).ok());
  EXPECT_FALSE(Readable());
}

TEST_F(TapTest, AFullQueueIsSweptWithoutLoss) {
  ASSERT_TRUE(tap_->Wake().ok());
  for (std::size_t i = 0; i < kTapQueueFrames; ++i) Inject(Frame({.protocol = IPPROTO_UDP}));
  ASSERT_TRUE(tap_->Sleep().ok());
  ASSERT_TRUE(tap_->Sweep(host_).ok());
  EXPECT_EQ(Drain(tap_->fd()), kTapQueueFrames);
}

TEST_F(TapTest, ALargestFrameIsSweptWhole) {
  std::vector<std::uint8_t> frame = Frame({.protocol = IPPROTO_UDP});
  frame.resize(std::size_t{ETH_HLEN} + kTapMtu, 0xa5);
  ASSERT_TRUE(tap_->Wake().ok());
  Inject(frame);
  ASSERT_TRUE(tap_->Sleep().ok());
  ASSERT_TRUE(tap_->Sweep(host_).ok());
  EXPECT_EQ(Read(), frame);
}

TEST_F(TapTest, WhatWasSweptIsCountedOnce) {
  ASSERT_TRUE(tap_->Wake().ok());
  Inject(Frame({.protocol = IPPROTO_UDP}));
  Inject(Frame({.protocol = IPPROTO_GRE}));
  ASSERT_TRUE(tap_->Sleep().ok());
  ASSERT_TRUE(tap_->Sweep(host_).ok());
  ASSERT_TRUE(tap_->Wake().ok());
  EXPECT_EQ(Drain(tap_->fd()), 1u);
  const Traffic traffic = tap_->ReadTraffic().value();
  EXPECT_EQ(traffic.frames_to_guest, 1u);
  EXPECT_EQ(traffic.frames_dropped, 0u);
}

TEST_F(TapTest, TheQueueKeepsWhatItsBoundAllowsAndCountsTheRest) {
  ASSERT_TRUE(tap_->Wake().ok());
  ASSERT_TRUE(tap_->CountRefused().ok());
  constexpr std::size_t kSent = kTapQueueFrames + 50;
  for (std::size_t i = 0; i < kSent; ++i) Inject(Frame({.protocol = IPPROTO_UDP}));
  const Traffic traffic = tap_->ReadTraffic().value();
  const std::size_t kept = Drain(tap_->fd());
  EXPECT_EQ(kept, kTapQueueFrames);
  EXPECT_EQ(traffic.frames_dropped, kSent - kept);
}

TEST_F(TapTest, WhatTheFilterRefusesIsNotCountedAsDropped) {
  Inject(Frame({.protocol = IPPROTO_GRE}));
  ASSERT_TRUE(tap_->Wake().ok());
  EXPECT_EQ(tap_->ReadTraffic().value().frames_dropped, 0u);
}

TEST_F(TapTest, ClosingADuplicateLosesNoFrame) {
  UniqueFd duplicate(dup(tap_->fd()));
  Inject(Frame({.protocol = IPPROTO_UDP}));
  duplicate.Reset();
  EXPECT_EQ(Drain(tap_->fd()), 1u);
}

TEST_F(TapTest, ATakenNameIsBusyAndNamesItsOwner) {
  TapSpec other = spec_;
  other.address = Ipv4Address{{10, 77, 0, 11}};
  const auto second = Tap::Create(other);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  EXPECT_NE(second.error().message().find("another summon-launcherd"), std::string::npos);
  EXPECT_NE(if_nametoindex("smtap0"), 0u);
}

TEST_F(TapTest, ATakenAddressIsBusyAndLeavesNoTap) {
  TapSpec other = spec_;
  other.name = "smtap1";
  const auto second = Tap::Create(other);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  EXPECT_NE(second.error().message().find("10.77.0.10"), std::string::npos);
  EXPECT_EQ(if_nametoindex("smtap1"), 0u);
}

TEST_F(TapTest, ItGoesWithItsLastDescriptor) {
  tap_.reset();
  EXPECT_EQ(if_nametoindex("smtap0"), 0u);
}

TEST(TapMac, IsLocalUnicastAndFixed) {
  const MacAddress mac = DeriveGuestMac("web");
  EXPECT_EQ(mac.octets[0], 0x02);
  EXPECT_EQ(mac, DeriveGuestMac("web"));
  EXPECT_NE(mac, DeriveGuestMac("web2"));
  EXPECT_NE(mac, DeriveHostMac("web"));
}

}  // namespace
}  // namespace summon::launcher
