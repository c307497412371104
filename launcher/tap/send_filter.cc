// SPDX-License-Identifier: Apache-2.0
// The program: a list of conditions that a frame fails or passes. Offsets are those of Ethernet
// (IEEE 802.3), ARP (RFC 826), IPv4 (RFC 791) and UDP (RFC 768).
#include "launcher/tap/send_filter.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include "base/check.h"

namespace summon::launcher {

namespace {

constexpr std::uint32_t kIpSize = ETH_HLEN + 20;
constexpr std::uint32_t kArpSize = ETH_HLEN + 28;
constexpr std::uint32_t kDhcpServerPort = 67;

class Program {
 public:
  void Load(int size, std::uint32_t offset) { Put(BPF_LD | BPF_ABS | size, 0, 0, offset); }
  void LoadLength() { Put(BPF_LD | BPF_W | BPF_LEN, 0, 0, 0); }
  void LoadUdpSourcePort() {
    Put(BPF_LDX | BPF_B | BPF_MSH, 0, 0, ETH_HLEN);  // X: the IPv4 header's length
    Put(BPF_LD | BPF_H | BPF_IND, 0, 0, ETH_HLEN);
  }
  // A condition that decides when it holds, or when it does not; else the next one is looked at.
  void DropUnlessEqual(std::uint32_t value) { Decide(BPF_JEQ, value, 1, 0, TC_ACT_SHOT); }
  void DropIfEqual(std::uint32_t value) { Decide(BPF_JEQ, value, 0, 1, TC_ACT_SHOT); }
  void DropIfBelow(std::uint32_t value) { Decide(BPF_JGE, value, 1, 0, TC_ACT_SHOT); }
  void PassIfEqual(std::uint32_t value) { Decide(BPF_JEQ, value, 0, 1, TC_ACT_OK); }
  void PassUnlessEqual(std::uint32_t value) { Decide(BPF_JEQ, value, 1, 0, TC_ACT_OK); }
  void PassIfAnyBit(std::uint32_t mask) { Decide(BPF_JSET, mask, 0, 1, TC_ACT_OK); }
  void Pass() { Put(BPF_RET | BPF_K, 0, 0, TC_ACT_OK); }
  void Drop() { Put(BPF_RET | BPF_K, 0, 0, TC_ACT_SHOT); }
  // Goes to where End() is called with what this returns, unless the accumulator is `value`.
  std::size_t BeginIfEqual(std::uint32_t value) {
    Put(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, value);
    return program_.size();
  }
  void End(std::size_t begin) {
    program_[begin - 1].jf = static_cast<std::uint8_t>(program_.size() - begin);
  }
  std::vector<sock_filter> Take() { return std::move(program_); }

 private:
  // Skips the verdict by `skip_true` or `skip_false`.
  void Decide(int jump, std::uint32_t value, std::uint8_t skip_true, std::uint8_t skip_false,
              std::uint32_t verdict) {
    Put(BPF_JMP | jump | BPF_K, skip_true, skip_false, value);
    Put(BPF_RET | BPF_K, 0, 0, verdict);
  }
  void Put(int code, std::uint8_t jump_true, std::uint8_t jump_false, std::uint32_t value) {
    SUMMON_CHECK(program_.size() < kSendFilterMax);
    program_.push_back({static_cast<std::uint16_t>(code), jump_true, jump_false, value});
  }

  std::vector<sock_filter> program_;
};

std::uint32_t Be32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

void RequireMacAt(Program& program, std::uint32_t offset, const MacAddress& mac) {
  program.Load(BPF_W, offset);
  program.DropUnlessEqual(Be32(mac.octets.data()));
  program.Load(BPF_H, offset + 4);
  program.DropUnlessEqual(std::uint32_t{mac.octets[4]} << 8 | mac.octets[5]);
}

// A load past the end ends the program with 0, which means "pass": lengths come first.
void AddArp(Program& program, const SendRules& rules) {
  program.LoadLength();
  program.DropIfBelow(kArpSize);
  program.Load(BPF_W, ETH_HLEN);
  program.DropUnlessEqual(0x00010800);  // Ethernet, IPv4
  program.Load(BPF_H, ETH_HLEN + 4);
  program.DropUnlessEqual(0x0604);  // their addresses' sizes
  RequireMacAt(program, ETH_HLEN + 8, rules.mac);
  if (rules.check == SpoofCheck::kMac) return program.Pass();
  program.Load(BPF_W, ETH_HLEN + 14);
  program.PassIfEqual(Be32(rules.address.octets.data()));
  program.DropUnlessEqual(0);  // a probe
  program.Load(BPF_H, ETH_HLEN + 6);
  program.PassIfEqual(1);  // a request
  program.Drop();
}

void AddIpv4(Program& program, const SendRules& rules) {
  program.LoadLength();
  program.DropIfBelow(kIpSize);
  program.Load(BPF_W, ETH_HLEN + 12);
  program.DropUnlessEqual(Be32(rules.address.octets.data()));
  program.Load(BPF_B, ETH_HLEN + 9);
  program.PassUnlessEqual(IPPROTO_UDP);
  program.Load(BPF_H, ETH_HLEN + 6);
  program.PassIfAnyBit(0x1fff);  // a later fragment
  program.LoadUdpSourcePort();
  program.DropIfEqual(kDhcpServerPort);
  program.Pass();
}

}  // namespace

std::vector<sock_filter> BuildSendFilter(const SendRules& rules) {
  SUMMON_CHECK(rules.check != SpoofCheck::kOff);
  Program program;
  RequireMacAt(program, ETH_ALEN, rules.mac);
  if (rules.check == SpoofCheck::kAddress) {
    // The kernel has taken a VLAN tag out of the frame by now.
    program.Load(BPF_B, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
    program.DropUnlessEqual(0);
  }
  program.Load(BPF_H, 2 * ETH_ALEN);
  const std::size_t arp = program.BeginIfEqual(ETH_P_ARP);
  AddArp(program, rules);
  program.End(arp);
  if (rules.check == SpoofCheck::kMac) {
    program.Pass();
    return program.Take();
  }
  program.DropUnlessEqual(ETH_P_IP);
  AddIpv4(program, rules);
  return program.Take();
}

}  // namespace summon::launcher
