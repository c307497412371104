// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the summoner wants done. It does nothing itself: each call appends effects to a vector, and
// the daemon carries them out in order, before it makes the next call.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "launcher/launcher.h"

namespace summon::summoner {

// Why a summon began. kSchedule and kDependency are for policies to come; they behave as kApi.
enum class Trigger : std::uint8_t { kDns, kPacket, kApi, kSchedule, kDependency };
inline constexpr std::size_t kTriggers = 5;
std::string_view TriggerName(Trigger trigger);  // "dns", "packet", ...

enum class PhaseKind : std::uint8_t { kAsleep, kSummoning, kReady, kReclaiming, kFailed };
std::string_view PhaseName(PhaseKind phase);  // "asleep", "summoning", ...

enum class ReclaimReason : std::uint8_t {
  kIdle,      // its lease was over and its traffic quiet
  kBudget,    // likewise, and its memory was wanted for another service
  kNotReady,  // it was not ready within ready_timeout
  kOperator,  // somebody asked for it
  kRemoved,   // its service is no longer configured
  kOrphan,    // the launcher had it while the service has another instance
};
inline constexpr std::size_t kReclaimReasons = 6;
std::string_view ReclaimReasonName(ReclaimReason reason);

enum class AnswerReason : std::uint8_t {
  kReady,           // the service is ready
  kNotAwaited,      // it is not, and policy says to answer all the same
  kHeldLongEnough,  // it is not, and the patience of the asker is over
  kNoRoom,          // it was not admitted now; the client's packet asks again
  kWaitersFull,     // it is not, and no more answers may be parked
};
std::string_view AnswerReasonName(AnswerReason reason);

enum class RefuseReason : std::uint8_t {
  kFailed,       // the instance ended before it was ready
  kNotReady,     // the instance was not ready within ready_timeout
  kBackoff,      // it failed lately; it is tried again later
  kUnavailable,  // the service cannot run at the moment
  kReclaimed,    // an operator ended the instance that was awaited
  kRemoved,      // the service is no longer configured
  kNoRoom,       // only for Patience::kUntilReady: no memory, and nothing is remembered
  kWaitersFull,  // only for Patience::kUntilReady
};
inline constexpr std::size_t kRefuseReasons = 8;
std::string_view RefuseReasonName(RefuseReason reason);

// Launcher::Launch. Comes before the answers that the same request caused.
struct Launch {
  InstanceId instance;
};

// Launcher::Reclaim.
struct Reclaim {
  InstanceId instance;
  ReclaimReason reason{};
  launcher::Rung rung = launcher::Rung::kOff;
};

// Launcher::Lower: a service that rests is to hold less.
struct Lower {
  ServiceId service{};
  launcher::Rung rung = launcher::Rung::kOff;
  ReclaimReason reason{};  // kIdle: it rested for so long; kBudget, kOperator
};

// Launcher::Forget: the removed service is at rest; its id is never used again.
struct Forget {
  ServiceId service{};
};

// Answer this waiter with the service's address and `ttl`, then tell Summoner::AnswerSent. Those
// released together stand newest first (the resolver has most likely closed the older ports).
struct Answer {
  ServiceId service{};
  WaiterId waiter{};
  std::chrono::seconds ttl{0};
  AnswerReason reason{};
};

// This waiter gets no address: SERVFAIL with an extended error, or the text for the operator.
struct Refuse {
  ServiceId service{};
  WaiterId waiter{};
  RefuseReason reason{};
  std::string detail;  // for people
};

// For logs, metrics and those who wait for a rest; nothing needs to be done.
struct PhaseChanged {
  ServiceId service{};
  PhaseKind from{};
  PhaseKind to{};
};

// Counted inside the room (summoner.h: Counters); the daemon never sees it.
enum class Outcome : std::uint8_t { kAsked, kBooted, kReused, kRefused, kFailed };
struct CountOutcome {
  Trigger trigger{};
  Outcome outcome{};
};
// An event about an instance that is no longer, or not yet, of interest.
struct CountStale {};

using Effect =
    std::variant<Launch, Reclaim, Lower, Forget, Answer, Refuse, PhaseChanged, CountOutcome,
                 CountStale>;
using Effects = std::vector<Effect>;

}  // namespace summon::summoner
