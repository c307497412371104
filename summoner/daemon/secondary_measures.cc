// SPDX-License-Identifier: Apache-2.0
// Counters of secondaries as metrics; see the header.
#include "summoner/daemon/secondary_measures.h"

#include <string_view>
#include <utility>

namespace summon::summoner {

namespace {

using Counter = metrics::Catalogue::DnsCounter;
using dns::NotifyCounters;
using dns::TransferCounters;

// Each event, and the plain number that counts it.
template <typename Counters>
struct Event {
  std::string_view text;
  std::uint64_t Counters::*count;
};
constexpr Event<TransferCounters> kTransferEvents[] = {
    {"started", &TransferCounters::started},     {"completed", &TransferCounters::completed},
    {"refused", &TransferCounters::refused},     {"busy", &TransferCounters::busy},
    {"broken", &TransferCounters::broken},       {"record", &TransferCounters::records},
};
constexpr Event<NotifyCounters> kNotifyEvents[] = {
    {"sent", &NotifyCounters::sent},         {"answered", &NotifyCounters::answered},
    {"refused", &NotifyCounters::refused},   {"given_up", &NotifyCounters::given_up},
    {"dropped", &NotifyCounters::dropped},   {"unmatched", &NotifyCounters::unmatched},
};

template <typename Events, typename Counters>
void Add(const Events& events, Counter counter, const Counters& now, Counters& seen,
         metrics::Catalogue& catalogue) {
  for (const auto& event : events) {
    const std::uint64_t grown = now.*event.count - std::exchange(seen.*event.count,
                                                                 now.*event.count);
    if (grown > 0) catalogue.DnsCounted(counter, event.text, grown);
  }
}

}  // namespace

void SecondaryMeasures::Update(const Secondaries& now, metrics::Catalogue& catalogue) {
  Add(kTransferEvents, Counter::kTransfer, now.transfer_counters(), transfers_seen_, catalogue);
  Add(kNotifyEvents, Counter::kNotify, now.notify_counters(), notifies_seen_, catalogue);
}

}  // namespace summon::summoner
