// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who may have an instance now: memory, the number of summons in flight, and whose turn it is.
//
// Strictly first come, first served once anybody waits: else a large service would starve behind
// small ones. Room is made only for the one whose turn it is, and only when that will suffice: from
// what rests in memory first, then from the instances that were not used for the longest time.

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "summoner/effects.h"

namespace summon::summoner {

// Memory of an instance beyond its guest's: the monitor, its page tables, KVM's own tables and the
// tap's queue. Trades a few guests more against the host running out of memory.
inline constexpr std::uint64_t kInstanceOverheadMib = 4;

class AdmissionControl final {
 public:
  // What one service has of the common good.
  struct Holding {
    PhaseKind phase = PhaseKind::kAsleep;
    std::uint64_t mib = 0;  // of its instance, overhead included, or of what rests
    Instant victim_from = kNever;
    bool leaving = false;   // it was asked to give the memory back
  };
  // Its registry entry keeps it; only Update, Enqueue and the queue's own functions change it.
  struct Share : Holding {
    bool queued = false;
  };

  AdmissionControl(std::uint64_t budget_mib, std::uint32_t in_flight_max)
      : budget_mib_(budget_mib), in_flight_max_(in_flight_max) {}

  void SetLimits(std::uint64_t budget_mib, std::uint32_t in_flight_max) {
    budget_mib_ = budget_mib;
    in_flight_max_ = in_flight_max;
  }

  // Tells what `service` holds from now on.
  void Update(ServiceId service, Share& share, const Holding& holding);

  // Whether an instance of `mib` (overhead included) could be made now in place of what its service
  // holds, as far as memory and the summons in flight go.
  bool FitsInPlaceOf(const Share& share, std::uint64_t mib) const;
  // Whether it could ever be.
  bool CanEverFit(std::uint64_t mib) const { return mib <= budget_mib_; }

  // True when memory for `mib` in place of what `service` holds is there, is being given back
  // already, or can be taken at `now`; then `victims` are the services to take it from: those that
  // rest first, then the least recently used (perhaps none).
  bool MakeRoom(ServiceId service, const Share& share, std::uint64_t mib, Instant now,
                std::vector<ServiceId>& victims) const;
  // The services that rest in memory that the budget does not have, longest at rest first.
  std::vector<ServiceId> RestsBeyondBudget() const;
  // When MakeRoom may find more than at `now` though nothing else happens.
  Instant NextVictimAfter(Instant now) const;

  // The queue; a service stands in it once.
  void Enqueue(ServiceId service, Share& share);
  bool QueueEmpty() const { return queue_.empty(); }
  ServiceId Head() const { return queue_.front(); }
  std::size_t queued() const { return queue_.size(); }
  void PopHead() { queue_.pop_front(); }  // the caller clears the service's `queued`

  std::uint64_t used_mib() const { return used_mib_; }
  std::uint64_t budget_mib() const { return budget_mib_; }
  std::uint32_t in_flight() const { return in_flight_; }

 private:
  std::uint64_t budget_mib_;
  std::uint32_t in_flight_max_;
  std::uint64_t used_mib_ = 0;
  std::uint64_t leaving_mib_ = 0;
  std::uint32_t in_flight_ = 0;
  std::deque<ServiceId> queue_;
  struct Victim {
    bool runs = false;  // else it rests
    Instant from{};
    ServiceId service{};
    std::uint64_t mib = 0;
    friend auto operator<=>(const Victim&, const Victim&) = default;
  };
  static Victim VictimOf(ServiceId service, const Holding& holding);
  std::set<Victim> victims_;  // what rests, then what runs; each in order of last use
};

}  // namespace summon::summoner
