// SPDX-License-Identifier: Apache-2.0
// Sums, a queue, and the order of last use.

#include "summoner/admission.h"

#include "base/check.h"

namespace summon::summoner {

AdmissionControl::Victim AdmissionControl::VictimOf(ServiceId service, const Holding& holding) {
  return {holding.phase != PhaseKind::kAsleep, holding.victim_from, service, holding.mib};
}

void AdmissionControl::Update(ServiceId service, Share& share, const Holding& holding) {
  used_mib_ += holding.mib - share.mib;
  if (share.leaving) leaving_mib_ -= share.mib;
  if (holding.leaving) leaving_mib_ += holding.mib;
  if (share.phase == PhaseKind::kSummoning) --in_flight_;
  if (holding.phase == PhaseKind::kSummoning) ++in_flight_;
  if (share.victim_from != kNever) victims_.erase(VictimOf(service, share));
  if (holding.victim_from != kNever) victims_.insert(VictimOf(service, holding));
  static_cast<Holding&>(share) = holding;
}

bool AdmissionControl::FitsInPlaceOf(const Share& share, std::uint64_t mib) const {
  const std::uint32_t leaving = share.phase == PhaseKind::kSummoning ? 1 : 0;
  return used_mib_ - share.mib + mib <= budget_mib_ && in_flight_ - leaving < in_flight_max_;
}

bool AdmissionControl::MakeRoom(ServiceId service, const Share& share, std::uint64_t mib,
                                Instant now, std::vector<ServiceId>& victims) const {
  // After what is on its way.
  std::uint64_t left = used_mib_ - leaving_mib_ - (share.leaving ? 0 : share.mib);
  victims.clear();
  for (auto victim = victims_.begin(); left + mib > budget_mib_; ++victim) {
    if (victim == victims_.end() || victim->from > now) {
      victims.clear();
      return false;
    }
    if (victim->service == service) continue;
    left -= victim->mib;
    victims.push_back(victim->service);
  }
  return true;
}

std::vector<ServiceId> AdmissionControl::RestsBeyondBudget() const {
  std::vector<ServiceId> rests;
  std::uint64_t left = used_mib_ - leaving_mib_;
  for (auto victim = victims_.begin(); victim != victims_.end() && left > budget_mib_; ++victim) {
    if (victim->runs) break;
    left -= victim->mib;
    rests.push_back(victim->service);
  }
  return rests;
}

Instant AdmissionControl::NextVictimAfter(Instant now) const {
  for (auto victim = victims_.lower_bound({true, now, ServiceId{}, 0}); victim != victims_.end();
       ++victim) {
    if (victim->from > now) return victim->from;
  }
  return kNever;
}

void AdmissionControl::Enqueue(ServiceId service, Share& share) {
  SUMMON_CHECK(!share.queued);
  share.queued = true;
  queue_.push_back(service);
}

}  // namespace summon::summoner
