// SPDX-License-Identifier: Apache-2.0
#pragma once
// Datagrams by the batch: room for those that one recvmmsg brings and those that one sendmmsg takes
// away. Made once and used by all UDP sockets of a loop, one after the other: no datagram costs an
// allocation, and none a system call of its own.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "dns/endpoint.h"
#include "dns/responder.h"
#include "dns/types.h"

namespace summon::dns {

// Control data of a datagram: which of our addresses it was sent to.
struct DatagramControl {
  static constexpr std::size_t kSize = CMSG_SPACE(sizeof(in6_pktinfo));
  alignas(cmsghdr) std::array<std::uint8_t, kSize> octets{};
};

// Fills in which of our addresses, on which interface, a datagram was sent to, when its control
// data tells.
void ReadControl(msghdr& message, ReplyTo& from);
// Has the kernel send from the address that was asked. `message` has room for control data.
void WriteSource(msghdr& message, const ReplyTo& to);

class UdpBatch final {
 public:
  // Datagrams in a batch: what a turn of the loop reads, so that a flood does not starve timers and
  // TCP. Twice as many gain 1 % (measured by benchmarks/dns).
  static constexpr std::size_t kMax = 64;
  // No query is that long. Of a longer datagram the rest is lost, so that it is malformed.
  static constexpr std::size_t kReceiveMax = 2'048;
  // Longer answers are sent singly.
  static constexpr std::size_t kSendMax = kUdpSizeDefault;

  UdpBatch();
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;

  // Reads what is there, at most kMax datagrams, without waiting. The number of them, or -1 and
  // errno.
  int Receive(int fd);
  // Of the last Receive().
  Bytes packet(std::size_t i) const {
    return Bytes(received_[i].data(), received_headers_[i].msg_len);
  }
  SocketAddress& client(std::size_t i) { return clients_[i]; }
  msghdr& header(std::size_t i) { return received_headers_[i].msg_hdr; }

  // Keeps an answer for the next Flush(). With `with_source` it leaves from `to.local`. False when
  // there is no room for it: flush first, or send it singly.
  enum class Source : std::uint8_t { kOfSocket, kAsAsked };
  bool Add(const ReplyTo& to, Bytes message, Source source);
  // Sends what was added. The number of answers that the kernel would not take, which are lost: the
  // client asks again.
  std::size_t Flush(int fd);

 private:
  // A line of the cache more than a power of two, or all datagrams would share a few places of the
  // first cache.
  static constexpr std::size_t kSpread = 64;

  int last_count_ = static_cast<int>(kMax);  // headers that the kernel may have written to
  std::array<mmsghdr, kMax> received_headers_{};
  std::array<iovec, kMax> received_spaces_{};
  std::array<SocketAddress, kMax> clients_;
  std::array<DatagramControl, kMax> received_controls_;
  std::array<std::array<std::uint8_t, kReceiveMax + kSpread>, kMax> received_;

  std::array<mmsghdr, kMax> sent_headers_{};
  std::array<iovec, kMax> sent_spaces_{};
  std::array<SocketAddress, kMax> targets_;
  std::array<DatagramControl, kMax> sent_controls_;
  std::array<std::array<std::uint8_t, kSendMax>, kMax> sent_;
  std::size_t added_ = 0;
};

}  // namespace summon::dns
