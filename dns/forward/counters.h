// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the forwarder counted. Plain numbers that only grow, but for those that say "now".

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "dns/forward/reply.h"

namespace summon::dns::forward {

// Why a query for a name that is not ours was not forwarded. Each is REFUSED, but for kLoop and
// kOverload: SERVFAIL.
enum class Refusal : std::uint8_t {
  kNotAllowed,   // the client is in no network of allow_recursion
  kNoRecursion,  // RD is clear: who asks so wants to know what others have asked
  kRebinding,    // the answer leads into a network that is not public
  kLoop,         // it is our own question that has come back
  kOverload,     // too much is in flight, or too many wait for it
};
inline constexpr std::size_t kRefusalCount = 5;
// "not_allowed", "no_recursion", "rebinding", "loop", "overload".
std::string_view RefusalText(Refusal refusal);

// How long an upstream server took. Upper bounds in milliseconds; what is above is counted last.
inline constexpr std::array<std::uint16_t, 9> kLatencyBoundsMs = {1,   2,   5,   10,  25,
                                                                  50, 100, 400, 1'600};
struct Latencies {
  std::array<std::uint64_t, kLatencyBoundsMs.size() + 1> buckets{};
  double sum_s = 0;

  void Add(Duration took) {
    std::size_t i = 0;
    while (i < kLatencyBoundsMs.size() && took > std::chrono::milliseconds(kLatencyBoundsMs[i])) {
      ++i;
    }
    ++buckets[i];
    sum_s += std::chrono::duration<double>(took).count();
  }
};

struct Counters {
  std::uint64_t hits = 0;        // answered from the cache
  std::uint64_t misses = 0;      // had to be asked for
  std::uint64_t coalesced = 0;   // of the misses: joined a question that was in flight
  std::uint64_t stale = 0;       // answered with what was stale, for want of better
  std::uint64_t failed = 0;      // SERVFAIL because no upstream server gave an answer
  std::uint64_t failure_hits = 0;  // SERVFAIL because it had failed a moment ago
  std::uint64_t local = 0;         // names that must not leave the host (RFC 6761)
  std::uint64_t prefetches = 0;
  std::array<std::uint64_t, kRefusalCount> refused{};
  std::array<std::uint64_t, kForgeryCount> forged{};  // messages that were not the reply
  std::uint64_t late = 0;          // replies to questions that had been answered or given up
  std::uint64_t sent = 0;          // datagrams to upstream servers
  std::uint64_t replies = 0;       // replies from them, by UDP and TCP
  std::uint64_t tcp = 0;           // questions that went on over TCP
  std::uint64_t distrusted = 0;    // of them: because of forged replies
  std::uint64_t upstream_failures = 0;  // replies that were SERVFAIL, REFUSED and the like
  std::uint64_t timeouts = 0;      // questions that nobody answered in time
  std::uint64_t own_upstreams = 0;  // servers of resolv.conf left out because they are ourselves
  Latencies latency;
  std::uint64_t in_flight = 0;      // now
  std::uint64_t waiting = 0;        // now: clients
  std::uint64_t cache_entries = 0;  // now
  std::uint64_t cache_octets = 0;   // now
  std::uint64_t cache_evicted = 0;

  void Refuse(Refusal why) { ++refused[static_cast<std::size_t>(why)]; }
  void CountForgery(Forgery why) { ++forged[static_cast<std::size_t>(why)]; }
};

}  // namespace summon::dns::forward
