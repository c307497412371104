// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all connections of a server have together, so that each of them has less.
//
// One connection is worked on at a time, from reading to sending: the space for what is read,
// decrypted, answered and encrypted is needed once, not once for each.

#include <array>
#include <cstdint>
#include <vector>

#include "base/loop/loop.h"
#include "dns/counters.h"
#include "dns/tcp_limits.h"
#include "dns/tcp_waits.h"

namespace summon::dns {

// How much is done for TCP before everything else has its turn: many busy connections together
// must not delay a datagram. What is left stays in the kernel, which reports it again; it lets
// those go first that were not served.
class TcpTurn final {
 public:
  // About 1,600 queries, or 2 ms.
  static constexpr std::size_t kOctetsMax = 64 * 1024;
  // About 1 ms with a key on P-256, 4 ms with RSA of 2,048 bits.
  static constexpr int kHandshakesMax = 4;

  explicit TcpTurn(Loop& loop) : loop_(loop), next_(loop, [this] { Renew(); }) {}

  bool MayRead() const { return octets_ > 0; }
  bool MayShakeHands() const { return handshakes_ > 0; }
  void CountOctets(std::size_t count) {
    octets_ -= octets_ < count ? octets_ : count;
    if (octets_ == 0) next_.Set(loop_.Now());
  }
  // A step of a handshake.
  void CountHandshake() {
    if (handshakes_ > 0 && --handshakes_ == 0) next_.Set(loop_.Now());
  }

 private:
  void Renew() {
    octets_ = kOctetsMax;
    handshakes_ = kHandshakesMax;
  }

  Loop& loop_;
  std::size_t octets_ = kOctetsMax;
  int handshakes_ = kHandshakesMax;
  Timer next_;
};

struct TcpShared {
  // Read from one connection in one turn of the loop, so that it does not starve the others.
  static constexpr std::size_t kReadMax = 16 * 1024;
  // Answers are collected up to this size while the queries of one read are worked off.
  static constexpr std::size_t kBatchMax = 64 * 1024;

  TcpShared(Loop& event_loop, const TcpLimits& tcp_limits, Counters& server_counters)
      : loop(event_loop),
        limits(tcp_limits),
        counters(server_counters),
        waits(event_loop, limits),
        turn(event_loop) {}

  Loop& loop;
  const TcpLimits limits;
  Counters& counters;
  TcpWaits waits;
  TcpTurn turn;
  std::array<std::uint8_t, kReadMax> read{};
  std::vector<std::uint8_t> plain;  // of a read, decrypted
  std::vector<std::uint8_t> batch;  // answers to a read, each with its length in front
  std::vector<std::uint8_t> frame;  // one answer outside of a batch, likewise
  std::vector<std::uint8_t> wire;   // what is to be sent, encrypted
};

}  // namespace summon::dns
