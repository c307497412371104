// SPDX-License-Identifier: Apache-2.0
// The words of the summoner's enumerations, as they stand in logs, metrics and the CLI.

#include "summoner/effects.h"

#include "base/check.h"

namespace summon::summoner {

std::string_view TriggerName(Trigger trigger) {
  switch (trigger) {
    case Trigger::kDns: return "dns";
    case Trigger::kPacket: return "packet";
    case Trigger::kApi: return "api";
    case Trigger::kSchedule: return "schedule";
    case Trigger::kDependency: return "dependency";
  }
  SUMMON_CHECK(false);
}

std::string_view PhaseName(PhaseKind phase) {
  switch (phase) {
    case PhaseKind::kAsleep: return "asleep";
    case PhaseKind::kSummoning: return "summoning";
    case PhaseKind::kReady: return "ready";
    case PhaseKind::kReclaiming: return "reclaiming";
    case PhaseKind::kFailed: return "failed";
  }
  SUMMON_CHECK(false);
}

std::string_view ReclaimReasonName(ReclaimReason reason) {
  switch (reason) {
    case ReclaimReason::kIdle: return "idle";
    case ReclaimReason::kBudget: return "budget";
    case ReclaimReason::kNotReady: return "not_ready";
    case ReclaimReason::kOperator: return "operator";
    case ReclaimReason::kRemoved: return "removed";
    case ReclaimReason::kOrphan: return "orphan";
  }
  SUMMON_CHECK(false);
}

std::string_view AnswerReasonName(AnswerReason reason) {
  switch (reason) {
    case AnswerReason::kReady: return "ready";
    case AnswerReason::kNotAwaited: return "not_awaited";
    case AnswerReason::kHeldLongEnough: return "held_long_enough";
    case AnswerReason::kNoRoom: return "no_room";
    case AnswerReason::kWaitersFull: return "waiters_full";
  }
  SUMMON_CHECK(false);
}

std::string_view RefuseReasonName(RefuseReason reason) {
  switch (reason) {
    case RefuseReason::kFailed: return "failed";
    case RefuseReason::kNotReady: return "not_ready";
    case RefuseReason::kBackoff: return "backoff";
    case RefuseReason::kUnavailable: return "unavailable";
    case RefuseReason::kReclaimed: return "reclaimed";
    case RefuseReason::kRemoved: return "removed";
    case RefuseReason::kNoRoom: return "no_room";
    case RefuseReason::kWaitersFull: return "waiters_full";
  }
  SUMMON_CHECK(false);
}

}  // namespace summon::summoner
