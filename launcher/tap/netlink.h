// SPDX-License-Identifier: Apache-2.0
#pragma once
// The few rtnetlink requests that a tap needs, spoken directly to the kernel.
//
// One request, one acknowledgement, both bounded. The kernel answers within the call, so this is
// used on the loop's thread. See rtnetlink(7) and netlink(7).

#include <linux/filter.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::launcher {

// Counters of an interface, as the kernel sees them: what we call "to the guest" it sends.
struct LinkCounters {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t send_dropped = 0;
};

struct LinkInfo {
  std::uint32_t mtu = 0;
  std::string kind;   // "tun", "bridge", ...; empty for hardware
  std::string alias;  // empty when there is none
  LinkCounters counters;
};

struct LinkSettings {
  MacAddress mac;
  std::uint32_t mtu = 1500;
  std::uint32_t queue_frames = 0;
  std::string alias;
};

class Netlink final {
 public:
  static Result<Netlink> Open();

  // The interface must exist. Sets all of `settings` and no IPv6 address generation.
  Status Configure(int index, const LinkSettings& settings);
  Status BringUp(int index);
  // `address`/32 on the interface; adds no route of its own.
  Status AddAddress(int index, Ipv4Address address);
  // What is sent to `destination` alone goes to the interface, from `source`. kBusy when another
  // route to exactly that address exists.
  struct HostRoute {
    Ipv4Address destination;
    Ipv4Address source;
  };
  Status AddHostRoute(int index, const HostRoute& route);
  // A neighbour entry that is never asked for and never forgotten.
  Status AddNeighbour(int index, Ipv4Address address, MacAddress mac);
  // Frames that come in by the interface pass `program`, a classic BPF program that gives a
  // TC_ACT_* (linux/pkt_cls.h). Once for an interface.
  // Errors: kNotFound and others on a kernel without clsact or cls_bpf.
  Status FilterIncoming(int index, std::span<const sock_filter> program);
  Result<LinkInfo> GetLink(int index);

 private:
  explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}

  // Bounds a request and an answer; a link's description is below 4 KiB.
  static constexpr std::size_t kMessageBytesMax = 16 * 1024;
  using Buffer = std::array<std::uint8_t, kMessageBytesMax>;

  class Request;
  // Sends and reads until the acknowledgement; an answer of type `wanted` goes to `answer`.
  Status Transact(Request& request, std::uint16_t wanted = 0, Buffer* answer = nullptr,
                  std::size_t* answer_bytes = nullptr);

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace summon::launcher
