// SPDX-License-Identifier: Apache-2.0
// The books of the simulator.

#include "tests/summoner/sim_checker.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace summon::summoner::sim {
namespace {

std::string Text(InstanceId instance) {
  return StrCat("service ", static_cast<std::uint32_t>(instance.service), " generation ",
                instance.generation);
}

}  // namespace

std::string InvariantName(Invariant invariant) {
  static constexpr std::array kNames = {
      "at most one instance per service", "every waiter answered exactly once",
      "every waiter answered in time",    "no reclaim before a lease ends",
      "memory budget",                    "summons in flight",
      "every launch ends exactly once",   "generations only grow",
      "conservation of summons",          "no launch without an order",
      "the view is the truth",            "nothing due after Advance",
      "nothing rests and runs at once",   "liveness"};
  return kNames.at(static_cast<std::size_t>(invariant));
}

void Checker::Fail(Invariant invariant, std::string detail) {
  if (!violation_) violation_ = Violation{invariant, std::move(detail)};
}

void Checker::Asked(WaiterId waiter, Instant deadline) {
  waiting_.emplace(waiter, deadline);
  by_deadline_.insert({deadline, waiter});
}

void Checker::Replied(WaiterId waiter) {
  const auto found = waiting_.find(waiter);
  if (found == waiting_.end()) {
    return Fail(Invariant::kWaiterOnce,
                StrCat("waiter ", static_cast<std::uint64_t>(waiter), " answered again"));
  }
  by_deadline_.erase({found->second, waiter});
  waiting_.erase(found);
}

void Checker::Promised(ServiceId service, Instant until) {
  Instant& promised = promised_until_[service];
  promised = std::max(promised, until);
}

void Checker::Launched(InstanceId instance) {
  std::uint64_t& last = generations_[instance.service];
  if (instance.generation <= last) {
    Fail(Invariant::kGenerations, StrCat(Text(instance), " launched after ", last));
  }
  last = std::max(last, instance.generation);
  open_.insert(instance);
}

void Checker::Reclaimed(InstanceId instance, ReclaimReason reason, Instant now) {
  if (reason != ReclaimReason::kIdle && reason != ReclaimReason::kBudget) return;
  if (now < promised_until_[instance.service]) {
    Fail(Invariant::kLease, StrCat(Text(instance), " reclaimed (", ReclaimReasonName(reason), ") ",
                                   (promised_until_[instance.service] - now).count(),
                                   " ns before its lease ends"));
  }
}

void Checker::Lowered(ServiceId service) {
  const auto open = open_.lower_bound({service, 0});
  if (open == open_.end() || open->service != service) return;
  Fail(Invariant::kRests, StrCat(Text(*open), " runs, and its service was lowered"));
}

void Checker::Adopted(InstanceId instance) { open_.insert(instance); }

void Checker::EndedTold(InstanceId instance) {
  if (open_.erase(instance) == 0) {
    Fail(Invariant::kEndsOnce, StrCat(Text(instance), " ended, but was not open"));
  }
}

void Checker::AfterStep(const Summoner& summoner, const Counters& counters, Instant now) {
  for (std::size_t trigger = 0; trigger < kTriggers; ++trigger) {
    const OutcomeCounters& c = counters.by_trigger[trigger];
    if (c.Conserved()) continue;
    Fail(Invariant::kConservation,
         StrCat(TriggerName(static_cast<Trigger>(trigger)), ": ", c.summons, " != ", c.booted,
                " + ", c.reused, " + ", c.refused, " + ", c.failed, " + ", c.in_flight));
  }
  if (summoner.waiters() != waiting_.size()) {
    Fail(Invariant::kWaiterOnce, StrCat(waiting_.size(), " wait for an answer; the summoner has ",
                                        summoner.waiters()));
  }
  if (!by_deadline_.empty() && by_deadline_.begin()->first + kEpsilon < now) {
    Fail(Invariant::kWaiterInTime,
         StrCat("waiter ", static_cast<std::uint64_t>(by_deadline_.begin()->second), " waits for ",
                (now - by_deadline_.begin()->first).count(), " ns too long"));
  }
  if (counters.launches + counters.adopted != counters.ends + open_.size()) {
    Fail(Invariant::kEndsOnce, StrCat(counters.launches, " launched + ", counters.adopted,
                                      " adopted != ", counters.ends, " ended + ", open_.size(),
                                      " open"));
  }
}

}  // namespace summon::summoner::sim
