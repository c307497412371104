// SPDX-License-Identifier: Apache-2.0
#pragma once
// The life of one service as a pure function: no clock, no socket, no thread, no shared state.
//
// docs/state-machine.md has the table and the reasons. Whatever can happen to a service is an
// Event; Step says what the service is afterwards and what has to be done. Admission (memory,
// summons in flight) concerns many services: the registry (summoner.h) decides and tells here.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "launcher/launcher.h"
#include "summoner/effects.h"
#include "summoner/policy.h"

namespace summon::summoner {

using launcher::Rest;
using launcher::Rung;

// Phases. `generation` is that of the instance that exists in this phase.
struct Asleep {
  Rest rest{};                     // what is kept of the last instance; the next one wakes it
  std::optional<Rung> lowering{};  // Lower was asked for, and nothing was told of it yet
};
struct Summoning {
  std::uint64_t generation = 0;
};
struct Ready {
  std::uint64_t generation = 0;
  Instant quiet_since{};  // when its last frame was noticed
};
struct Reclaiming {
  std::uint64_t generation = 0;
  ReclaimReason reason{};
  Rung rung = Rung::kOff;  // where it is to rest, or lower
};
struct Failed {
  Instant retry_at{};
  launcher::EndReason reason{};
  std::string detail;  // for people: why
};
using Phase = std::variant<Asleep, Summoning, Ready, Reclaiming, Failed>;

// How long somebody who asked waits.
enum class Patience : std::uint8_t {
  kByPolicy,    // a lookup: answered with the address, by policy, at hold_max at the latest
  kUntilReady,  // a person: answered when ready, at `until` at the latest, refused on failure
};
struct Asker {
  WaiterId waiter{};
  Patience patience = Patience::kByPolicy;
  Instant until = kNever;  // kUntilReady only
};

struct Waiter {
  WaiterId id{};
  Patience patience = Patience::kByPolicy;
  Instant deadline{};
};

struct ServiceState {
  ServiceId service{};
  Phase phase = Asleep{};
  Instant since{};                    // when the phase began
  std::uint64_t last_generation = 0;  // the highest ever used; never goes back
  // The summon that was asked for and is not ready yet. Set while Summoning (except for an
  // adopted instance), and in other phases when an instance is still to be made.
  std::optional<Trigger> wanted;
  // A frame waits at the tap, and the launcher will not tell of it again before an instance has
  // come and gone. While it does, `wanted` is not given up.
  bool packet_waits = false;
  std::vector<Waiter> waiters;  // oldest first; at most Policy::waiters_max
  // When the lookups that wait for this summon are answered, ready or not: hold_max after the first
  // of them. A resolver asks again with other ports and ids, and drops the reply to an older query:
  // if each waited for itself, the reply to its latest query would always be still to come.
  std::optional<Instant> hold_until;
  Instant lease_until{};        // no instance is reclaimed for idleness before; never goes back
  std::uint32_t failures = 0;   // in a row
  std::string problem;          // why it cannot run at the moment; empty when it can
};

// Whether an instance may be made now.
enum class Admission : std::uint8_t {
  kGranted,     // yes
  kQueued,      // no, but its turn will come: Admitted follows
  kUnprepared,  // likewise, and no frame could wait at a tap yet: answers wait instead
  kRefused,     // no, and nothing is remembered: the client's packet asks again
};
// Whether one more answer may be parked as far as all services together are concerned.
enum class Parking : std::uint8_t { kAllowed, kFull };

// Somebody asks for the service.
struct Requested {
  Trigger trigger{};
  std::optional<Asker> asker;
  Admission admission{};
  Parking parking{};
};
// The turn of a service whose summon was queued has come.
struct Admitted {};
// Its guest can serve.
struct BecameReady {
  std::uint64_t generation = 0;
};
// The instance has ended, for whatever reason. `admission`: whether another may be made now.
struct Ended {
  std::uint64_t generation = 0;
  launcher::EndReason reason{};
  std::string detail;
  Admission admission{};
  Rest rest{};
};
// Without instance, what rests of it changed.
struct Rested {
  Rest rest{};
};
// Frames passed its tap.
struct TrafficSeen {};
// An answer with its address has left; resolvers may use it for `ttl`.
struct AnswerSent {
  std::chrono::seconds ttl{0};
};
// Time has passed.
struct Tick {};
// Somebody wants its instance to end, or what rests of it to hold less.
struct ReclaimAsked {
  ReclaimReason reason{};  // kBudget, kOperator or kRemoved
  Rung rung = Rung::kOff;  // kOperator: where it shall rest
};
// It cannot run at the moment (never empty), or can again.
struct Unavailable {
  std::string problem;
};
struct Available {};
// The launcher, reached after a restart of either side, has an instance of this service.
struct Adopted {
  std::uint64_t generation = 0;
  bool ready = false;
};
using Event = std::variant<Requested, Admitted, BecameReady, Ended, TrafficSeen, AnswerSent, Tick,
                           ReclaimAsked, Unavailable, Available, Adopted, Rested>;

// What `state` becomes when `event` happens at `now`; appends what has to be done. Total: every
// event is allowed in every phase, and an event about another generation changes nothing.
// Promises: Launch and Lower only when no instance exists; every waiter in exactly one Answer or
// Refuse; no Reclaim for kIdle or kBudget before lease_until; generations and leases never go
// back; every request is counted kAsked and, once `wanted` is empty again, has exactly one other
// outcome.
ServiceState Step(ServiceState state, const Event& event, const Policy& policy, Instant now,
                  Effects& effects);

// When the next Tick is due; kNever when time alone changes nothing.
Instant NextDeadline(const ServiceState& state, const Policy& policy);

// From when on the instance may be reclaimed for another service's sake: its lease is over and
// it has been quiet for kVictimQuiet. What rests in memory may be lowered as soon as it rests.
// kNever when there is nothing to take.
inline constexpr Duration kVictimQuiet = 3 * launcher::kTrafficPeriod;
Instant VictimFrom(const ServiceState& state, const Policy& policy);

PhaseKind KindOf(const Phase& phase);

// The generation of the instance that exists, if one does (Summoning, Ready, Reclaiming).
std::optional<std::uint64_t> LiveGeneration(const ServiceState& state);

// What rests of it; off while an instance exists.
Rest RestOf(const ServiceState& state);

// True when the service waits for nothing but Admitted.
bool WaitsForAdmission(const ServiceState& state);

}  // namespace summon::summoner
