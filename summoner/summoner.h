// SPDX-License-Identifier: Apache-2.0
#pragma once
// The registry of services: one state machine each (service_machine.h), and what concerns them
// together: memory, the number of summons in flight, the number of parked answers, deadlines.
//
// How the daemon uses it. One thread. Every call takes the time and a vector of effects; the
// daemon carries out what the call appended, in order, before it makes the next call. After each
// turn of its loop it sets one timer to NextDeadline() and then calls Advance(). Calls about a
// service that is not there (it was removed while an event was under way) are counted and ignored.
//
//     query         -> Request(kDns, with an Asker): Answer or Refuse of that waiter comes at once
//                      or with a later call, exactly once
//     answer left   -> AnswerSent
//     OnPacket      -> Request(kPacket), without an Asker
//     Launcher      -> OnPrepared, OnStage, OnEnded, OnTraffic, OnAvailability, OnRest,
//                      OnRungMeasured, under their names
//     launcher gone -> LauncherLost; when it is back: Adopt for each entry of the inventory, then
//                      LauncherBack, then Launcher::Prepare for every service

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "launcher/launcher.h"
#include "summoner/admission.h"
#include "summoner/counters.h"
#include "summoner/effects.h"
#include "summoner/policy.h"
#include "summoner/service_machine.h"
#include "summoner/waterfall.h"

namespace summon::summoner {

struct ServiceSpec {
  std::string name;  // for messages
  Policy policy;
  std::uint32_t memory_mib = 16;
  bool snapshots = false;  // its order allows it to be parked and saved
  // Which kinds of launcher its order could use; index: launcher::Kind.
  std::array<bool, launcher::kKinds> kinds{};
  friend bool operator==(const ServiceSpec&, const ServiceSpec&) = default;
};

struct Limits {
  std::uint64_t memory_budget_mib = 1024;
  std::uint32_t summons_in_flight_max = 64;
  std::uint32_t waiters_max = 4096;  // of all services together
  friend bool operator==(const Limits&, const Limits&) = default;
};

// A service at one moment, for `summon list` and `summon status`.
struct ServiceStatus {
  PhaseKind phase{};
  Rest rest{};  // off while an instance lives
  std::uint64_t generation = 0;  // how often it was summoned
  Instant since{};               // in this phase
  Instant lease_until{};         // may be past
  std::optional<Instant> quiet_since;  // Ready only
  std::optional<Instant> retry_at;     // Failed only
  std::uint32_t waiters = 0;
  std::uint32_t memory_mib = 0;  // of the present or the next instance, without overhead
  bool queued = false;           // waits for memory or a free place
  bool prepared = false;         // its order stands: packets to its address wait for it
  std::optional<launcher::Kind> kind;   // of the present or the last instance
  std::optional<Trigger> last_trigger;  // of the last summon
  std::optional<launcher::EndReport> last_end;
  std::string problem;  // why it cannot run at the moment, or why it failed; empty when all is well
  Waterfall last_summon;
};

class Summoner final {
 public:
  // Bounds memory; the same as the configuration's bound.
  static constexpr std::size_t kServicesMax = 65'536;

  explicit Summoner(const Limits& limits);
  Summoner(const Summoner&) = delete;
  Summoner& operator=(const Summoner&) = delete;
  ~Summoner();

  // --- the registry ---

  // A new service, asleep; it can be summoned once OnPrepared was told (requests before are
  // answered, and remembered until then). Ids are never used again.
  // Errors: kExhausted when kServicesMax services are there.
  Result<ServiceId> Add(ServiceSpec spec, Instant now, Effects& effects);
  // What Add gives next.
  ServiceId next_id() const { return ServiceId{next_id_}; }
  // A changed service. Its instance goes on; memory and kinds hold from the next launch, the
  // policy from now on.
  void Replace(ServiceId service, ServiceSpec spec, Instant now, Effects& effects);
  // A service that is no longer configured: its waiters are refused, its instance is reclaimed,
  // and once at rest Forget is asked for. No request is accepted any more.
  void Remove(ServiceId service, Instant now, Effects& effects);
  void SetLimits(const Limits& limits, Instant now, Effects& effects);

  // --- requests ---

  struct RequestInfo {
    Trigger trigger{};
    std::optional<Asker> asker;
    Instant received{};  // when the query or frame reached this host
    // kFull: whoever asks has its share of parked answers, whatever the others have.
    Parking parking = Parking::kAllowed;
  };
  void Request(ServiceId service, const RequestInfo& info, Instant now, Effects& effects);
  // An answer with the service's address left: the lease grows. Also for answers that needed no
  // waiter. Not for Patience::kUntilReady.
  void AnswerSent(ServiceId service, std::chrono::seconds ttl, Instant now);
  // Ends the instance in spite of lease and traffic, to rest at `rung` or below; what rests above
  // is lowered. Nothing when there is neither.
  void ReclaimByOperator(ServiceId service, Rung rung, Instant now, Effects& effects);

  // --- what launchers tell ---

  void OnPrepared(ServiceId service, const Status& status, Instant now, Effects& effects);
  void OnStage(InstanceId instance, const launcher::StageReport& report, Instant now,
               Effects& effects);
  void OnEnded(InstanceId instance, const launcher::EndReport& report, Instant now,
               Effects& effects);
  void OnRest(ServiceId service, const Rest& rest, Instant now, Effects& effects);
  // For OnIdle::kAuto.
  void OnRungMeasured(const launcher::RungMeasure& measure);
  // Any change of the counters is traffic.
  void OnTraffic(ServiceId service, const launcher::Traffic& traffic, Instant now);
  void OnAvailability(launcher::Kind kind, const Status& status, Instant now, Effects& effects);

  // The connection to the launcher is gone. Instances of which OnEnded was not told count as ended
  // with kLost; they may live on, and then the inventory has them. Until LauncherBack nothing is
  // launched, and requests are refused with `reason`. Every service has to be prepared anew. What
  // rests is believed to rest on until OnRest says otherwise. Told
  // before any OnEnded with kLost that follows from it: by itself such an end is only an end.
  void LauncherLost(const std::string& reason, Instant now, Effects& effects);
  // An instance that the launcher already has. Unconditional, even beyond the memory budget.
  void Adopt(ServiceId service, const launcher::InventoryEntry& entry, Instant now,
             Effects& effects);
  void LauncherBack(Instant now, Effects& effects);

  // --- time ---

  // When Advance has something to do; kNever when nothing is due.
  Instant NextDeadline() const;
  void Advance(Instant now, Effects& effects);

  // --- looking ---

  // Nothing when the service is not there (or was removed).
  std::optional<ServiceStatus> StatusOf(ServiceId service) const;
  // Whether a request now would have an instance made; else it joins a summon, or finds it ready.
  // False for a service that is not there.
  bool IsAtRest(ServiceId service) const;
  // Instances that are being made, and services that wait for room.
  std::uint32_t in_flight() const { return admission_.in_flight(); }
  std::uint32_t queued() const { return static_cast<std::uint32_t>(admission_.queued()); }
  const Counters& counters() const { return counters_; }
  const Limits& limits() const { return limits_; }
  std::uint64_t memory_used_mib() const { return admission_.used_mib(); }
  // How many services rest there.
  std::uint64_t resting(Rung rung) const { return resting_[static_cast<std::size_t>(rung)]; }
  // What the launcher measured; nothing before it told.
  const std::optional<launcher::RungMeasure>& Measured(launcher::Kind kind, Rung rung) const {
    return measures_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(rung)];
  }
  std::uint32_t waiters() const { return waiters_; }
  std::size_t service_count() const { return services_.size(); }

 private:
  struct Service;

  Service* Find(ServiceId service);
  void Apply(Service& service, const Event& event, Instant now, Effects& effects);
  void TakeNote(Service& service, const Effect& effect, Instant now);
  static void NoteStage(Service& service, const launcher::StageReport& report);
  static void NoteRest(Service& service, const launcher::EndReport& report);
  void CountWake(const Service& service, const launcher::StageReport& report);
  void Index(Service& service);
  AdmissionControl::Holding HoldingOf(Service& service) const;
  Rung AutoRungOf(const Service& service) const;
  void LowerBeyondBudget(Instant now, Effects& effects);
  OutcomeCounters& CountersOf(Trigger trigger);
  std::uint64_t NeedOf(const Service& service) const;
  void RefreshProblem(Service& service, Instant now, Effects& effects);
  void RefreshAllProblems(Instant now, Effects& effects);
  std::string ProblemOf(const Service& service) const;
  Admission AdmissionFor(const Service& service, Trigger trigger, Instant now) const;
  Admission AdmissionAfterEnd(const Service& service) const;
  void Pump(Instant now, Effects& effects);
  bool PumpHead(Instant now, Effects& effects);
  void EraseIfAtRest(ServiceId service, Effects& effects);

  Limits limits_;
  Counters counters_;
  AdmissionControl admission_;
  std::unordered_map<ServiceId, std::unique_ptr<Service>> services_;
  std::set<std::pair<Instant, ServiceId>> deadlines_;
  Instant pump_at_ = kNever;  // when a queued summon may find new victims
  std::uint32_t next_id_ = 1;
  std::uint32_t waiters_ = 0;
  std::array<std::uint64_t, launcher::kRungs> resting_{};  // services; index: Rung
  std::array<std::array<std::optional<launcher::RungMeasure>, launcher::kRungs>, launcher::kKinds>
      measures_{};
  std::string launcher_problem_;  // empty while the launcher is there
  std::array<std::string, launcher::kKinds> kind_problems_;  // empty: usable, or not told yet
};

}  // namespace summon::summoner
