// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the summoner counts. The daemon copies it into metrics; tests check its laws.

#include <array>
#include <cstdint>

#include "summoner/effects.h"

namespace summon::summoner {

// Requests of one trigger. Law, at every moment:
//     summons = booted + reused + refused + failed + in_flight
struct OutcomeCounters {
  std::uint64_t summons = 0;   // requests
  std::uint64_t booted = 0;    // made an instance, which became ready
  std::uint64_t reused = 0;    // found it ready, or joined a summon in flight
  std::uint64_t refused = 0;   // not admitted and not remembered, or could not run
  std::uint64_t failed = 0;    // an instance was made or awaited and did not become ready
  std::uint64_t in_flight = 0; // a gauge: at most one for each service

  bool Conserved() const { return summons == booted + reused + refused + failed + in_flight; }
};

struct Counters {
  std::array<OutcomeCounters, kTriggers> by_trigger{};  // index: Trigger
  std::uint64_t launches = 0;
  std::array<std::uint64_t, kReclaimReasons> reclaims{};  // index: ReclaimReason
  std::uint64_t ends = 0;           // of instances, for whatever reason
  std::uint64_t ends_unasked = 0;   // of these, without a Reclaim of ours
  std::array<std::uint64_t, kReclaimReasons> lowers{};    // rests; index: ReclaimReason
  // Instances that became ready, by what they woke from (off: booted).
  std::array<std::uint64_t, launcher::kRungs> wakes{};
  // Launches that found a rest there and woke lower, and rests that went without being asked; by
  // the rung that was lost.
  std::array<std::uint64_t, launcher::kRungs> wake_fallbacks{};
  std::array<std::uint64_t, launcher::kRungs> rests_lost{};
  std::uint64_t adopted = 0;
  std::uint64_t deferred = 0;       // summons that had to queue for memory or a free place
  std::uint64_t answers = 0;
  std::array<std::uint64_t, kRefuseReasons> refusals{};  // index: RefuseReason
  std::uint64_t waiters_parked = 0;
  std::uint64_t events_stale = 0;   // about an instance that was no longer of interest
  std::uint64_t events_unknown = 0; // about a service that is not, or no longer, there
};

}  // namespace summon::summoner
