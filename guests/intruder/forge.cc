// SPDX-License-Identifier: Apache-2.0
// Frames of an impostor: each kind would harm a neighbour in its own way.
#include "guests/intruder/acts.h"

#include <cstddef>

#include "guests/runtime/text.h"

namespace summon::guest::intruder {

namespace {

constexpr std::size_t kFrameBytes = 14 + 20 + 8 + 22;  // an Ethernet frame of the least size
constexpr std::uint32_t kBroadcast = 0xffffffff;

// A frame under construction.
class Frame final {
 public:
  Frame(const NetDevice& net, std::uint16_t type) {
    for (std::size_t i = 0; i < 6; ++i) bytes_[i] = 0xff;
    for (std::size_t i = 0; i < 6; ++i) bytes_[6 + i] = net.mac[i];
    Put16(12, type);
  }
  void Put8(std::size_t at, std::uint8_t value) { bytes_[at] = value; }
  void Put16(std::size_t at, std::uint16_t value) {
    bytes_[at] = static_cast<std::uint8_t>(value >> 8);
    bytes_[at + 1] = static_cast<std::uint8_t>(value);
  }
  void Put32(std::size_t at, std::uint32_t value) {
    Put16(at, static_cast<std::uint16_t>(value >> 16));
    Put16(at + 2, static_cast<std::uint16_t>(value));
  }
  std::uint16_t Get16(std::size_t at) const {
    return static_cast<std::uint16_t>(bytes_[at] << 8 | bytes_[at + 1]);
  }
  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  std::uint8_t bytes_[kFrameBytes] = {};
};

struct Datagram {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 4001;
  std::uint16_t destination_port = kHonestPort;
};

// With a good header checksum: a frame that leaves is to be taken, or the test proves nothing.
Frame Udp(const NetDevice& net, const Datagram& datagram) {
  Frame frame(net, 0x0800);
  frame.Put16(14, 0x4500);
  frame.Put16(16, 20 + 8 + 22);
  frame.Put16(22, 0x4011);  // time to live, UDP
  frame.Put32(26, datagram.source);
  frame.Put32(30, datagram.destination);
  std::uint32_t sum = 0;
  for (std::size_t at = 14; at < 34; at += 2) sum += frame.Get16(at);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  frame.Put16(24, static_cast<std::uint16_t>(~sum));
  frame.Put16(34, datagram.source_port);
  frame.Put16(36, datagram.destination_port);
  frame.Put16(38, 8 + 22);  // no checksum: RFC 768 permits it
  return frame;
}

Frame Arp(const NetDevice& net, std::uint16_t operation, Ipv4 sender) {
  Frame frame(net, 0x0806);
  frame.Put32(14, 0x00010800);
  frame.Put32(18, 0x06040000u | operation);
  for (std::size_t i = 0; i < 6; ++i) frame.Put8(22 + i, net.mac[i]);
  frame.Put32(28, sender.value);
  frame.Put32(38, sender.value);  // gratuitous: about itself
  return frame;
}

Frame RouterAdvertisement(const NetDevice& net) {
  Frame frame(net, 0x86dd);
  frame.Put32(14, 0x60000000);
  frame.Put16(18, 10);
  frame.Put16(20, 0x3aff);  // ICMPv6, hop limit 255
  frame.Put16(22, 0xfe80);
  frame.Put16(38, 0xff02);
  frame.Put8(53, 1);
  frame.Put8(54, 134);
  return frame;
}

constexpr std::uint32_t kForgeries = 9;

Frame Forgery(const NetDevice& net, const ForgePlan& plan, std::uint32_t kind) {
  const Ipv4 neighbour{plan.address.value ^ 1};
  Frame frame = Udp(net, {.source = plan.address.value, .destination = plan.gateway.value});
  switch (kind) {
    case 0: frame.Put8(11, static_cast<std::uint8_t>(~net.mac[5])); return frame;
    case 1: return Udp(net, {.source = neighbour.value, .destination = plan.gateway.value});
    case 2: return Arp(net, 2, plan.gateway);
    case 3: return Arp(net, 1, neighbour);
    case 4: return RouterAdvertisement(net);
    case 5: return Udp(net, {plan.address.value, kBroadcast, 67, 68});  // DHCP offer
    case 6: return Udp(net, {0, kBroadcast, 68, 67});                   // DHCP discover
    case 7: return Frame(net, 0x8035);                                  // RARP
    default: {                                                          // VLAN 1 around IPv4
      Frame tagged(net, 0x8100);
      tagged.Put32(14, 0x00010800);
      return tagged;
    }
  }
}

}  // namespace

int Forge(Machine& machine, const ForgePlan& plan) {
  const auto net = machine.FindNet("service");
  if (!net) return 1;
  (void)machine.Poll(0);  // ready
  std::uint32_t kind = 0;
  for (std::uint64_t i = 0; i < plan.count; ++i) {
    if (machine.NetWrite(net->handle, Forgery(*net, plan, kind).bytes()) != Io::kOk) return 1;
    kind = kind + 1 == kForgeries ? 0 : kind + 1;
  }
  const Frame honest = Udp(*net, {.source = plan.address.value, .destination = plan.gateway.value});
  if (machine.NetWrite(net->handle, honest.bytes()) != Io::kOk) return 1;
  Print("intruder: forged\n");
  return 0;
}

}  // namespace summon::guest::intruder
