// SPDX-License-Identifier: Apache-2.0
// A leaky bucket for each place (the "generic cell rate algorithm").
#include "dns/handshake_budget.h"

#include <algorithm>

namespace summon::dns {

bool HandshakeBudget::Take(const Endpoint& client, Instant now) {
  if (per_second_ == 0) return true;
  const bool local = client.IsLocalNetwork();
  const Endpoint prefix = client.Prefix();
  Instant& full_at = full_at_[SipHash24(key_, prefix.octets) % kPlaces];
  const Duration each =
      Duration(std::chrono::seconds(1)) / (per_second_ * (local ? kLocalFactor : 1));
  const Instant next = std::max(full_at, now) + each;
  if (next - now > std::chrono::seconds(kBurstSeconds)) return false;
  full_at = next;
  return true;
}

}  // namespace summon::dns
