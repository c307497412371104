// SPDX-License-Identifier: Apache-2.0
// The forwarder's counters as metrics; see the header.
#include "summoner/daemon/forward_measures.h"

namespace summon::summoner {

namespace {

using Counter = metrics::Catalogue::DnsCounter;
using dns::forward::Counters;

// Each event, where it is counted, and the plain number that counts it.
struct Event {
  Counter counter;
  std::string_view text;
  std::uint64_t Counters::*count;
};
constexpr Event kEvents[] = {
    {Counter::kForward, "hit", &Counters::hits},
    {Counter::kForward, "miss", &Counters::misses},
    {Counter::kForward, "coalesced", &Counters::coalesced},
    {Counter::kForward, "stale", &Counters::stale},
    {Counter::kForward, "failed", &Counters::failed},
    {Counter::kForward, "failure_hit", &Counters::failure_hits},
    {Counter::kForward, "local", &Counters::local},
    {Counter::kForward, "prefetch", &Counters::prefetches},
    {Counter::kForward, "evicted", &Counters::cache_evicted},
    {Counter::kForwardUpstream, "sent", &Counters::sent},
    {Counter::kForwardUpstream, "reply", &Counters::replies},
    {Counter::kForwardUpstream, "late", &Counters::late},
    {Counter::kForwardUpstream, "tcp", &Counters::tcp},
    {Counter::kForwardUpstream, "distrusted", &Counters::distrusted},
    {Counter::kForwardUpstream, "failure", &Counters::upstream_failures},
    {Counter::kForwardUpstream, "timeout", &Counters::timeouts},
    {Counter::kForwardUpstream, "ourselves", &Counters::own_upstreams},
};

std::uint64_t Grown(std::uint64_t now, std::uint64_t& seen) {
  const std::uint64_t grown = now - seen;
  seen = now;
  return grown;
}

}  // namespace

void ForwardMeasures::Update(const Counters& now, metrics::Catalogue& catalogue) {
  UpdateEvents(now, catalogue);
  UpdateTimes(now.latency, catalogue);
  catalogue.SetForward({now.in_flight, now.waiting, now.cache_entries, now.cache_octets});
}

void ForwardMeasures::UpdateEvents(const Counters& now, metrics::Catalogue& catalogue) {
  const auto add = [&catalogue](Counter counter, std::string_view text, std::uint64_t grown) {
    if (grown > 0) catalogue.DnsCounted(counter, text, grown);
  };
  for (const Event& event : kEvents) {
    add(event.counter, event.text, Grown(now.*event.count, seen_.*event.count));
  }
  for (std::size_t i = 0; i < now.refused.size(); ++i) {
    add(Counter::kForwardRefused, RefusalText(static_cast<dns::forward::Refusal>(i)),
        Grown(now.refused[i], seen_.refused[i]));
  }
  for (std::size_t i = 0; i < now.forged.size(); ++i) {
    add(Counter::kForwardForged, ForgeryText(static_cast<dns::forward::Forgery>(i)),
        Grown(now.forged[i], seen_.forged[i]));
  }
}

void ForwardMeasures::UpdateTimes(const dns::forward::Latencies& now,
                                  metrics::Catalogue& catalogue) {
  static_assert(dns::forward::kLatencyBoundsMs.size() ==
                metrics::Catalogue::kUpstreamBounds.size());
  dns::forward::Latencies& seen = seen_.latency;
  std::array<std::uint64_t, metrics::Catalogue::kUpstreamBounds.size() + 1> grown{};
  for (std::size_t i = 0; i < grown.size(); ++i) grown[i] = Grown(now.buckets[i], seen.buckets[i]);
  catalogue.UpstreamTook(grown, now.sum_s - seen.sum_s);
  seen.sum_s = now.sum_s;
}

}  // namespace summon::summoner
