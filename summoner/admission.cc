// SPDX-License-Identifier: Apache-2.0
// Sums, a queue, and the order of last use.

#include "summoner/admission.h"

#include "base/check.h"

namespace summon::summoner {

void AdmissionControl::Update(ServiceId service, Share& share, PhaseKind phase, std::uint64_t mib,
                              Instant victim_from) {
  used_mib_ += mib - share.mib;
  if (share.phase == PhaseKind::kReclaiming) reclaiming_mib_ -= share.mib;
  if (phase == PhaseKind::kReclaiming) reclaiming_mib_ += mib;
  if (share.phase == PhaseKind::kSummoning) --in_flight_;
  if (phase == PhaseKind::kSummoning) ++in_flight_;
  if (share.victim_from != kNever) victims_.erase({share.victim_from, service, share.mib});
  if (victim_from != kNever) victims_.insert({victim_from, service, mib});
  share.mib = mib;
  share.phase = phase;
  share.victim_from = victim_from;
}

bool AdmissionControl::Fits(std::uint64_t mib) const {
  return used_mib_ + mib <= budget_mib_ && in_flight_ < in_flight_max_;
}

bool AdmissionControl::FitsInPlaceOf(const Share& share, std::uint64_t mib) const {
  const std::uint32_t leaving = share.phase == PhaseKind::kSummoning ? 1 : 0;
  return used_mib_ - share.mib + mib <= budget_mib_ && in_flight_ - leaving < in_flight_max_;
}

bool AdmissionControl::MakeRoom(std::uint64_t mib, Instant now,
                                std::vector<ServiceId>& victims) const {
  std::uint64_t left = used_mib_ - reclaiming_mib_;  // after what is on its way
  victims.clear();
  for (auto victim = victims_.begin(); left + mib > budget_mib_; ++victim) {
    if (victim == victims_.end() || victim->from > now) {
      victims.clear();
      return false;
    }
    left -= victim->mib;
    victims.push_back(victim->service);
  }
  return true;
}

Instant AdmissionControl::NextVictimAfter(Instant now) const {
  for (auto victim = victims_.lower_bound({now, ServiceId{}, 0}); victim != victims_.end();
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
