// SPDX-License-Identifier: Apache-2.0
// Waiters: who is answered, parked or refused, and what an answer promises.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "summoner/stepper.h"

namespace summon::summoner {

namespace {

// RFC 2181 section 8: a TTL has 31 bits.
constexpr std::chrono::seconds kTtlMax{0x7fff'ffff};

}  // namespace

void Stepper::Settle(const Requested& event) {
  if (!event.asker) return;
  if (event.asker->patience == Patience::kByPolicy && policy_.answer == AnswerMode::kImmediately) {
    return AnswerOne(event.asker->waiter, event.asker->patience, policy_.ttl_asleep,
                     AnswerReason::kNotAwaited);
  }
  Park(event, *event.asker);
}

void Stepper::Park(const Requested& event, const Asker& asker) {
  const bool by_policy = asker.patience == Patience::kByPolicy;
  if (event.parking == Parking::kFull || s_.waiters.size() >= policy_.waiters_max) {
    if (!by_policy) {
      return RefuseAsker(event, RefuseReason::kWaitersFull, "too many wait already");
    }
    return AnswerOne(asker.waiter, asker.patience, policy_.ttl_asleep, AnswerReason::kWaitersFull);
  }
  if (by_policy && !s_.hold_until) s_.hold_until = Later(now_, policy_.hold_max);
  const Instant deadline = by_policy ? *s_.hold_until : asker.until;
  if (by_policy && deadline <= now_) {
    return AnswerOne(asker.waiter, asker.patience, policy_.ttl_asleep,
                     AnswerReason::kHeldLongEnough);
  }
  s_.waiters.push_back({asker.waiter, asker.patience, deadline});
}

void Stepper::AnswerOne(WaiterId id, Patience patience, std::chrono::seconds ttl,
                        AnswerReason reason) {
  effects_.push_back(Answer{s_.service, id, ttl, reason});
  // The answer leaves in a moment. Until AnswerSent tells when exactly, this covers it.
  if (patience == Patience::kByPolicy) GrowLease(ttl);
}

void Stepper::AnswerAll(std::chrono::seconds ttl, AnswerReason reason) {
  for (auto waiter = s_.waiters.rbegin(); waiter != s_.waiters.rend(); ++waiter) {
    AnswerOne(waiter->id, waiter->patience, ttl, reason);
  }
  s_.waiters.clear();
  s_.hold_until.reset();
}

void Stepper::ReleaseExpired() {
  for (auto waiter = s_.waiters.rbegin(); waiter != s_.waiters.rend(); ++waiter) {
    if (waiter->deadline > now_) continue;
    AnswerOne(waiter->id, waiter->patience, policy_.ttl_asleep, AnswerReason::kHeldLongEnough);
  }
  std::erase_if(s_.waiters, [now = now_](const Waiter& waiter) { return waiter.deadline <= now; });
}

void Stepper::RefuseAsker(const Requested& event, RefuseReason reason, std::string detail) {
  if (!event.asker) return;
  effects_.push_back(Refuse{s_.service, event.asker->waiter, reason, std::move(detail)});
}

void Stepper::RefuseAll(RefuseReason reason, const std::string& detail) {
  for (auto waiter = s_.waiters.rbegin(); waiter != s_.waiters.rend(); ++waiter) {
    effects_.push_back(Refuse{s_.service, waiter->id, reason, detail});
  }
  s_.waiters.clear();
  s_.hold_until.reset();
}

void Stepper::GrowLease(std::chrono::seconds ttl) {
  s_.lease_until =
      std::max(s_.lease_until, Later(Later(now_, std::min(ttl, kTtlMax)), policy_.grace));
}

std::string Stepper::NotReadyText() const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(policy_.ready_timeout);
  return StrCat("not ready within ", ms.count(), " ms (ready_timeout)");
}

}  // namespace summon::summoner
