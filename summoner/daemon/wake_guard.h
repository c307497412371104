// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a lookup may do to the service that it asks for: by its type, by who asks, and by what is
// booted already. One loop thread.
//
// The records and the RCODE are the same whatever is decided here (but for "prove your address
// first"): nothing wrong stays in any cache. An extended error says that the lookup did not wake.

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/siphash.h"
#include "configs/config.h"
#include "dns/acl.h"
#include "dns/message.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/lookup_counters.h"
#include "summoner/daemon/zone_data.h"
#include "summoner/wake_budget.h"

namespace summon::summoner {

enum class WakeRight : std::uint8_t {
  kWake,     // begin a summon, or join one
  kNothing,  // only be answered
  kRefused,  // the same; it might wake, but not for this asker or not now
  kProve,    // be told to ask over TCP
};

class WakeGuard final : public Observer {
 public:
  // `summoner` outlives it. Nothing is trusted and everything allowed before Configure.
  explicit WakeGuard(const Summoner& summoner);

  // What is configured from now on; `ids` has every service.
  void Configure(const configs::Config& config, const ServiceIds& ids);

  // True when the lookup's zone is open to its sender.
  bool MayQuery(const dns::Query& query) {
    if (access_.MayQuery(query.name, query.client)) return true;
    counters_.Count(AccessList::kQuery);
    return false;
  }
  // True for the types that may have to do with waking.
  static bool Concerns(dns::RrType type) { return WakingOf(type) != Waking::kNever; }
  // What `query` may do to `service`, whose name it asks for. Takes from the budgets when it boots.
  WakeRight Consider(const dns::Query& query, ServiceId service, Instant now);

  // Its own, and those of the frontend, which asks it.
  LookupCounters& counters() { return counters_; }

  // --- Observer ---
  void OnPhase(ServiceId, PhaseKind) override {}
  void OnAnswered(ServiceId, Instant, Instant) override {}
  void OnStageReached(ServiceId service, launcher::Stage stage) override;
  void OnInstanceEnded(ServiceId, const launcher::EndReport&) override {}
  void OnTapTraffic(ServiceId service, const launcher::Traffic& traffic) override;

 private:
  enum class Waking : std::uint8_t { kAddress, kService, kNever };
  static Waking WakingOf(dns::RrType type);

  struct Rules {
    configs::WakeOn wake_on = configs::WakeOn::kAddress;
    std::vector<dns::PrefixList> allow_wake;  // its own and its zones'; all must have the client
  };
  bool Allows(const Rules& rules, const dns::Endpoint& client) const;
  Proof ProofOf(const dns::Query& query, std::uint64_t prefix, Instant now);
  std::uint64_t PrefixHash(const dns::Endpoint& client) const;

  const Summoner& summoner_;
  const SipKey key_;
  WakeBudget budget_;
  dns::ZoneAccess access_;
  dns::PrefixList trusted_;
  std::unordered_map<ServiceId, Rules> rules_;
  std::unordered_map<ServiceId, std::uint64_t> frames_;  // to guests, as they were last told
  LookupCounters counters_;
};

}  // namespace summon::summoner
