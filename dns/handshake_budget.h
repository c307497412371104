// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many new TLS connections one network may have in a second.
//
// Connections are limited in number, but who ends each as soon as its handshake is done stays far
// below that limit and still costs us a signature and a key exchange each time. The table has a
// fixed size; networks that share a place in it share a budget, and nobody outside can tell which.

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/siphash.h"
#include "dns/endpoint.h"

namespace summon::dns {

class HandshakeBudget final {
 public:
  static constexpr std::size_t kPlaces = 1'024;
  static constexpr std::uint32_t kBurstSeconds = 4;
  // Of our own networks, which have many clients behind few addresses.
  static constexpr std::uint32_t kLocalFactor = 8;

  // 0 for `per_second`: no bound.
  HandshakeBudget(std::uint32_t per_second, const SipKey& key)
      : per_second_(per_second), key_(key) {}

  // Takes one handshake of `client`'s network at `now`; false when there is none left.
  bool Take(const Endpoint& client, Instant now);

 private:
  // When the place's budget would be full again: one number tells how much of it is used.
  std::array<Instant, kPlaces> full_at_{};
  const std::uint32_t per_second_;
  const SipKey key_;
};

}  // namespace summon::dns
