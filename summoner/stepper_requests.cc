// SPDX-License-Identifier: Apache-2.0
// Requests, phase by phase.

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "summoner/stepper.h"

namespace summon::summoner {

void Stepper::On(const Requested& event) {
  Count(event.trigger, Outcome::kAsked);
  if (auto* ready = std::get_if<Ready>(&s_.phase)) return RequestWhileReady(event, *ready);
  if (const auto* reclaiming = std::get_if<Reclaiming>(&s_.phase)) {
    return RequestWhileReclaiming(event, reclaiming->reason);
  }
  if (std::holds_alternative<Failed>(s_.phase)) return RequestWhileFailed(event);
  if (std::holds_alternative<Asleep>(s_.phase)) return RequestWhileAsleep(event);
  Count(event.trigger, Outcome::kReused);  // it joins the summon in flight
  Settle(event);
}

void Stepper::RequestWhileReady(const Requested& event, Ready& ready) {
  Count(event.trigger, Outcome::kReused);
  // A frame is use; a question is only a promise to be reachable for as long as the answer lives.
  if (event.trigger == Trigger::kPacket) {
    ready.quiet_since = std::max(ready.quiet_since, now_);
  } else {
    GrowLease(policy_.ttl_ready);
  }
  if (!event.asker) return;
  AnswerOne(event.asker->waiter, event.asker->patience, policy_.ttl_ready, AnswerReason::kReady);
}

void Stepper::RequestWhileReclaiming(const Requested& event, ReclaimReason reason) {
  if (reason == ReclaimReason::kRemoved) {
    Count(event.trigger, Outcome::kRefused);
    return RefuseAsker(event, RefuseReason::kRemoved, "the service is no longer configured");
  }
  if (reason == ReclaimReason::kNotReady && event.trigger != Trigger::kPacket) {
    // It is about to be Failed: another attempt at once would go the same way.
    Count(event.trigger, Outcome::kRefused);
    return RefuseAsker(event, RefuseReason::kNotReady, NotReadyText());
  }
  // Policy decides here too: with kImmediately the address is given at once, since the packet
  // waits at the tap for the next instance just as it does while the service is asleep.
  Remember(event.trigger);
  Settle(event);
}

void Stepper::RequestWhileFailed(const Requested& event) {
  const auto& failed = std::get<Failed>(s_.phase);
  if (now_ >= failed.retry_at) {
    Enter(Asleep{});
    return RequestWhileAsleep(event);
  }
  // The launcher tells of a waiting packet only once, so it must be remembered until the retry.
  if (event.trigger == Trigger::kPacket) {
    Remember(event.trigger);
  } else {
    Count(event.trigger, Outcome::kRefused);
  }
  const auto wait = std::chrono::ceil<std::chrono::seconds>(failed.retry_at - now_);
  RefuseAsker(event, RefuseReason::kBackoff,
              StrCat(failed.detail, "; next attempt in ", wait.count(), " s"));
}

void Stepper::RequestWhileAsleep(const Requested& event) {
  if (!s_.problem.empty()) {
    if (event.trigger == Trigger::kPacket) {
      Remember(event.trigger);
    } else {
      Count(event.trigger, Outcome::kRefused);
    }
    return RefuseAsker(event, RefuseReason::kUnavailable, s_.problem);
  }
  if (event.admission != Admission::kGranted) return RequestNotAdmitted(event);
  Remember(event.trigger);
  BeginSummon();
  Settle(event);
}

void Stepper::RequestNotAdmitted(const Requested& event) {
  const bool remembered = event.admission != Admission::kRefused || s_.wanted.has_value();
  if (remembered) {
    Remember(event.trigger);
  } else {
    Count(event.trigger, Outcome::kRefused);
  }
  if (!event.asker) return;
  const bool unprepared = event.admission == Admission::kUnprepared;
  if (event.asker->patience == Patience::kByPolicy && !unprepared) {
    // The answer never waits for admission: with the address in hand the client's packet asks.
    return AnswerOne(event.asker->waiter, event.asker->patience, policy_.ttl_asleep,
                     AnswerReason::kNoRoom);
  }
  if (remembered) return Park(event, *event.asker);
  RefuseAsker(event, RefuseReason::kNoRoom, "no memory is free for another instance");
}

}  // namespace summon::summoner
