// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside of Step (service_machine.h). Only for its own source files: stepper_requests.cc has what
// is asked, stepper_answers.cc who gets which answer, service_machine.cc everything else.

#include <string>

#include "summoner/service_machine.h"

namespace summon::summoner {

// The instant `wait` after `at`; kNever instead of an overflow.
inline Instant Later(Instant at, Duration wait) { return wait > kNever - at ? kNever : at + wait; }

// One step; lives as long as the call.
class Stepper final {
 public:
  Stepper(ServiceState& state, const Policy& policy, Instant now, Effects& effects)
      : s_(state), policy_(policy), now_(now), effects_(effects) {}

  void On(const Requested& event);
  void On(const Admitted& event);
  void On(const BecameReady& event);
  void On(const Ended& event);
  void On(const TrafficSeen& event);
  void On(const AnswerSent& event) { GrowLease(event.ttl); }
  void On(const Tick& event);
  void On(const ReclaimAsked& event);
  void On(const Unavailable& event);
  void On(const Available& event);
  void On(const Adopted& event);
  void On(const Rested& event);

 private:
  void RequestWhileReady(const Requested& event, Ready& ready);
  void RequestWhileReclaiming(const Requested& event, ReclaimReason reason);
  void RequestWhileFailed(const Requested& event);
  void RequestWhileAsleep(const Requested& event);
  void RequestNotAdmitted(const Requested& event);
  void EndedWhileReclaiming(const Ended& event, const Reclaiming& reclaiming);
  void TickWhileAsleep(const Asleep& asleep);

  template <typename Next>
  void Enter(Next next) {
    s_.phase = std::move(next);
    s_.since = now_;
  }
  void BeginSummon();
  void StartReclaim(ReclaimReason reason, Rung rung);
  void AskLower(Rung rung, ReclaimReason reason);
  void Fail(launcher::EndReason reason, std::string detail);
  // Asleep, and it must stay so: whoever waits is told why, and only a packet is remembered.
  void StayUnavailable();
  bool WasYoung() const { return now_ < Later(s_.since, policy_.young); }

  void Count(Trigger trigger, Outcome outcome) {
    effects_.push_back(CountOutcome{trigger, outcome});
  }
  void Remember(Trigger trigger);
  void ClearWanted(Outcome outcome);

  // Answers at once or parks, by policy.
  void Settle(const Requested& event);
  void Park(const Requested& event, const Asker& asker);
  void AnswerOne(WaiterId id, Patience patience, std::chrono::seconds ttl, AnswerReason reason);
  void AnswerAll(std::chrono::seconds ttl, AnswerReason reason);
  void ReleaseExpired();
  void RefuseAsker(const Requested& event, RefuseReason reason, std::string detail);
  void RefuseAll(RefuseReason reason, const std::string& detail);
  void GrowLease(std::chrono::seconds ttl);
  std::string NotReadyText() const;

  ServiceState& s_;
  const Policy& policy_;
  const Instant now_;
  Effects& effects_;
};

}  // namespace summon::summoner
