// SPDX-License-Identifier: Apache-2.0
// Raw IPv4 packets by the batch; see the header.
#include "tests/testbed/flood.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>

#include "base/address.h"
#include "base/strings.h"
#include "tests/testbed/network.h"

namespace summon::testbed {

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kPacketMax = 512;
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint32_t kSources = 198u << 24 | 18u << 16;  // 198.18.0.0
constexpr std::uint32_t kSourceMask = 0x1'ffff;             // /15

class Packet {
 public:
  void Begin() { size_ = sizeof(iphdr) + sizeof(udphdr); }
  void Put(const void* data, std::size_t size) {
    std::memcpy(octets_.data() + size_, data, size);
    size_ += size;
  }
  void Be16(std::uint16_t value) {
    const std::uint16_t order = htons(value);
    Put(&order, sizeof order);
  }
  void Name(std::string_view text) {
    while (!text.empty()) {
      const std::size_t dot = std::min(text.find('.'), text.size());
      const auto length = static_cast<std::uint8_t>(dot);
      Put(&length, 1);
      Put(text.data(), dot);
      text.remove_prefix(std::min(dot + 1, text.size()));
    }
    const std::uint8_t root = 0;
    Put(&root, 1);
  }
  struct Addresses {
    std::uint32_t source = 0;  // host order
    std::uint32_t target = 0;
    std::uint16_t source_port = 0;
    std::uint16_t target_port = 0;
  };
  void Finish(const Addresses& addresses) {
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof ip / 4;
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = htonl(addresses.source);
    ip.daddr = htonl(addresses.target);
    ip.tot_len = htons(static_cast<std::uint16_t>(size_));
    udphdr udp{};  // the kernel fills in the IP checksum; UDP's may be 0 (RFC 768)
    udp.source = htons(addresses.source_port);
    udp.dest = htons(addresses.target_port);
    udp.len = htons(static_cast<std::uint16_t>(size_ - sizeof ip));
    std::memcpy(octets_.data(), &ip, sizeof ip);
    std::memcpy(octets_.data() + sizeof ip, &udp, sizeof udp);
  }
  iovec space() { return {octets_.data(), size_}; }

 private:
  std::array<std::uint8_t, kPacketMax> octets_{};
  std::size_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<Flood>> Flood::Start(int namespace_fd, const FloodOptions& options) {
  if (!Ipv4Address::Parse(options.server) || options.names.empty()) {
    return Error(ErrorCode::kInvalid, StrCat("flood ", Quote(options.server),
                                             ": needs an IPv4 address and a name"));
  }
  const InNamespace there(namespace_fd);
  UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!socket.valid()) return ErrnoError("open a raw socket", errno);
  std::unique_ptr<Flood> flood(new Flood(std::move(socket), options));
  Flood* raw = flood.get();
  flood->thread_ = std::thread([raw] { raw->Run(); });
  return flood;
}

Flood::Flood(UniqueFd socket, FloodOptions options)
    : socket_(std::move(socket)), options_(std::move(options)) {}

Flood::~Flood() {
  stop_ = true;
  thread_.join();
}

void Flood::Run() {
  std::mt19937 random(1);  // the same flood each time
  const auto server = *Ipv4Address::Parse(options_.server);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  std::memcpy(&target.sin_addr, server.octets.data(), server.octets.size());
  std::array<Packet, kBatch> packets;
  std::array<iovec, kBatch> spaces{};
  std::array<mmsghdr, kBatch> headers{};
  std::uint64_t made = 0;
  const SystemClock clock;
  const Instant start = clock.Now();
  while (!stop_) {
    for (std::size_t i = 0; i < kBatch; ++i, ++made) {
      Packet& packet = packets[i];
      packet.Begin();
      for (const std::uint16_t word : {0u, 0x0100u, 1u, 0u, 0u, 0u}) {
        packet.Be16(static_cast<std::uint16_t>(word));
      }
      packet.Name(made % 2 == 0 ? StrCat("r", random(), ".", options_.zone)
                                : options_.names[made / 2 % options_.names.size()]);
      packet.Be16(kTypeA);
      packet.Be16(1);  // class IN
      const auto source = static_cast<std::uint32_t>(random()) & kSourceMask;
      packet.Finish({kSources | source, ntohl(target.sin_addr.s_addr),
                     static_cast<std::uint16_t>(1'024 + random() % 60'000), options_.port});
      spaces[i] = packet.space();
      headers[i].msg_hdr.msg_name = &target;
      headers[i].msg_hdr.msg_namelen = sizeof target;
      headers[i].msg_hdr.msg_iov = &spaces[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int taken = sendmmsg(socket_.get(), headers.data(), kBatch, 0);
    if (taken > 0) sent_ += static_cast<std::uint64_t>(taken);
    // By the time since the start: what was late is caught up with.
    const Instant due = start + Duration(static_cast<std::int64_t>(
                                    made * 1'000'000'000ull / options_.per_second));
    if (const Duration early = due - clock.Now(); early > Duration::zero()) {
      std::this_thread::sleep_for(early);
    }
  }
}

}  // namespace summon::testbed
