// SPDX-License-Identifier: Apache-2.0
#pragma once
// What must hold at every moment of a simulation. The checker keeps its own books from what the
// simulated world sees, and believes nothing that the summoner says about itself.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "summoner/summoner.h"

namespace summon::summoner::sim {

// Each is named in the report of a failing seed.
enum class Invariant {
  kOneInstance,        // at most one instance per service
  kWaiterOnce,         // every waiter gets exactly one answer
  kWaiterInTime,       // and gets it by its deadline
  kLease,              // no reclaim for idleness or memory before a lease ends
  kBudget,             // the memory budget is never exceeded by a launch, nor by what rests
  kInFlight,           // nor the number of summons in flight
  kEndsOnce,           // every accepted launch ends in exactly one Ended
  kGenerations,        // generations only grow
  kConservation,       // summons = booted + reused + refused + failed + in flight
  kLaunchUnprepared,   // nothing is launched that the launcher has no order for
  kView,               // what the summoner believes to run is what runs
  kDeadline,           // Advance leaves nothing due
  kRests,              // a service never rests and runs at once
  kLiveness,           // once faults stop, a request gets a ready instance and every frame arrives
};
std::string InvariantName(Invariant invariant);

struct Violation {
  Invariant invariant{};
  std::string detail;
};

class Checker final {
 public:
  // Beyond a waiter's deadline: the lateness of the simulated timer.
  static constexpr Duration kEpsilon = std::chrono::milliseconds(2);

  void Fail(Invariant invariant, std::string detail);
  const std::optional<Violation>& violation() const { return violation_; }

  void Asked(WaiterId waiter, Instant deadline);
  void Replied(WaiterId waiter);
  // An answer with the address left: whoever has it may use it until then.
  void Promised(ServiceId service, Instant until);
  void Launched(InstanceId instance);
  void Reclaimed(InstanceId instance, ReclaimReason reason, Instant now);
  void Lowered(ServiceId service);
  void Adopted(InstanceId instance);
  void EndedTold(InstanceId instance);
  void AllLost() { open_.clear(); }

  // After every step, when all effects have been carried out.
  void AfterStep(const Summoner& summoner, const Counters& counters, Instant now);

  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::optional<Violation> violation_;
  std::map<WaiterId, Instant> waiting_;
  std::set<std::pair<Instant, WaiterId>> by_deadline_;
  std::map<ServiceId, Instant> promised_until_;
  std::map<ServiceId, std::uint64_t> generations_;
  std::set<InstanceId> open_;  // launched or adopted, and no Ended told yet
};

}  // namespace summon::summoner::sim
