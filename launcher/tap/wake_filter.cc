// SPDX-License-Identifier: Apache-2.0
// The program, with named offsets. Jumps are computed from labels, not counted by hand.
#include "launcher/tap/wake_filter.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "base/check.h"

namespace summon::launcher {

namespace {

// Offsets in an Ethernet frame (IEEE 802.3) with IPv4 (RFC 791), TCP (RFC 9293), ICMP (RFC 792).
constexpr std::uint32_t kDestinationMac = 0;
constexpr std::uint32_t kEtherType = 12;
constexpr std::uint32_t kIp = ETH_HLEN;
constexpr std::uint32_t kIpTotalLength = kIp + 2;
constexpr std::uint32_t kIpFragment = kIp + 6;
constexpr std::uint32_t kIpProtocol = kIp + 9;
constexpr std::uint32_t kIpDestination = kIp + 16;
constexpr std::uint32_t kTcpDataOffset = 12;  // from the start of the TCP header
constexpr std::uint32_t kTcpFlags = 13;
// The data offset is the upper half of its byte and counts words of four bytes.
constexpr std::uint32_t kTcpDataOffsetMask = 0xf0;
constexpr std::uint32_t kTcpDataOffsetShift = 2;
constexpr std::uint32_t kFragmentOffsetMask = 0x1fff;
// Who ends a connection (FIN, RST) wants nothing from a machine that is gone.
constexpr std::uint32_t kTcpFinOrReset = 0x05;
constexpr std::uint32_t kTcpSyn = 0x02;
constexpr std::uint32_t kIcmpEchoRequest = 8;
constexpr std::uint32_t kWholeFrame = 0xffffffff;

// Where the two ends of the program stand.
constexpr std::size_t kDrop = kWakeFilterSize - 1;
constexpr std::size_t kPass = kWakeFilterSize - 2;

class Assembler {
 public:
  void Load(int size, std::uint32_t offset) { Put(BPF_LD | BPF_ABS | size, 0, 0, offset); }
  void LoadFromIpPayload(std::uint32_t offset) { Put(BPF_LD | BPF_B | BPF_IND, 0, 0, offset); }
  void And(std::uint32_t mask) { Put(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask); }
  void ShiftRight(std::uint32_t bits) { Put(BPF_ALU | BPF_RSH | BPF_K, 0, 0, bits); }
  void AddX() { Put(BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0); }
  void CopyToX() { Put(BPF_MISC | BPF_TAX, 0, 0, 0); }
  void IfGreaterThanX(std::size_t where) {
    Put(BPF_JMP | BPF_JGT | BPF_X, Distance(where), 0, 0);
  }
  void LoadIpHeaderLengthIntoX() { Put(BPF_LDX | BPF_B | BPF_MSH, 0, 0, kIp); }
  // Goes to `where` when the accumulator is (not) `value`, else on with the next.
  void UnlessEqual(std::uint32_t value, std::size_t where) {
    Put(BPF_JMP | BPF_JEQ | BPF_K, 0, Distance(where), value);
  }
  void IfEqual(std::uint32_t value, std::size_t where) {
    Put(BPF_JMP | BPF_JEQ | BPF_K, Distance(where), 0, value);
  }
  void IfAnyBit(std::uint32_t mask, std::size_t where) {
    Put(BPF_JMP | BPF_JSET | BPF_K, Distance(where), 0, mask);
  }
  void Return(std::uint32_t bytes) { Put(BPF_RET | BPF_K, 0, 0, bytes); }

  std::size_t position() const { return position_; }
  const WakeFilter& program() const {
    SUMMON_CHECK(position_ == kWakeFilterSize);
    return program_;
  }

 private:
  std::uint8_t Distance(std::size_t where) const {
    return static_cast<std::uint8_t>(where - position_ - 1);
  }
  void Put(int code, std::uint8_t jump_true, std::uint8_t jump_false, std::uint32_t value) {
    SUMMON_CHECK(position_ < kWakeFilterSize);
    program_[position_++] = sock_filter{static_cast<std::uint16_t>(code), jump_true, jump_false,
                                        value};
  }

  WakeFilter program_{};
  std::size_t position_ = 0;
};

}  // namespace

WakeFilter BuildWakeFilter(const MacAddress& mac, const Ipv4Address& address) {
  const auto be32 = [](const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
  };
  constexpr std::size_t kTcp = 13;
  constexpr std::size_t kIcmp = 27;
  Assembler a;
  a.Load(BPF_H, kEtherType);
  a.UnlessEqual(ETH_P_IP, kDrop);
  a.Load(BPF_W, kDestinationMac);
  a.UnlessEqual(be32(mac.octets.data()), kDrop);
  a.Load(BPF_H, kDestinationMac + 4);
  a.UnlessEqual(std::uint32_t{mac.octets[4]} << 8 | mac.octets[5], kDrop);
  a.Load(BPF_W, kIpDestination);
  a.UnlessEqual(be32(address.octets.data()), kDrop);
  a.Load(BPF_B, kIpProtocol);
  a.IfEqual(IPPROTO_UDP, kPass);
  a.IfEqual(IPPROTO_TCP, kTcp);
  a.IfEqual(IPPROTO_ICMP, kIcmp);
  a.Return(0);
  // TCP, first fragment only, neither reset nor end; an opening, or with data. A bare
  // acknowledgement asks for nothing: it is the rest of a connection that has gone, or a probe
  // whether it still lives.
  SUMMON_CHECK(a.position() == kTcp);
  a.Load(BPF_H, kIpFragment);
  a.IfAnyBit(kFragmentOffsetMask, kDrop);
  a.LoadIpHeaderLengthIntoX();
  a.LoadFromIpPayload(kIp + kTcpFlags);
  a.IfAnyBit(kTcpFinOrReset, kDrop);
  a.IfAnyBit(kTcpSyn, kPass);
  a.LoadFromIpPayload(kIp + kTcpDataOffset);
  a.And(kTcpDataOffsetMask);
  a.ShiftRight(kTcpDataOffsetShift);
  a.AddX();
  a.CopyToX();
  a.Load(BPF_H, kIpTotalLength);
  a.IfGreaterThanX(kPass);
  a.Return(0);
  // ICMP echo request.
  SUMMON_CHECK(a.position() == kIcmp);
  a.Load(BPF_H, kIpFragment);
  a.IfAnyBit(kFragmentOffsetMask, kDrop);
  a.LoadIpHeaderLengthIntoX();
  a.LoadFromIpPayload(kIp);
  a.UnlessEqual(kIcmpEchoRequest, kDrop);
  SUMMON_CHECK(a.position() == kPass);
  a.Return(kWholeFrame);
  a.Return(0);
  return a.program();
}

}  // namespace summon::launcher
