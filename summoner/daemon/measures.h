// SPDX-License-Identifier: Apache-2.0
#pragma once
// Brings what the parts of summond count into the catalogue of metrics.
//
// The parts count plain numbers; once a second the differences are added to the catalogue. What
// has a duration is told at once, by the conductor and the frontend. One loop thread.

#include <array>
#include <map>
#include <memory>
#include <optional>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "dns/counters.h"
#include "dns/dnssec/online_signer.h"
#include "dns/message.h"
#include "dns/response.h"
#include "metrics/catalogue.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/forward_measures.h"
#include "summoner/daemon/secondary_measures.h"
#include "summoner/daemon/lookup_counters.h"

namespace summon::summoner {

enum class ReloadOutcome { kApplied, kRejected };

class Measures final : public Observer {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(1);

  // Both outlive it.
  Measures(Loop& loop, Conductor& conductor);
  ~Measures() override;
  Measures(const Measures&) = delete;
  Measures& operator=(const Measures&) = delete;

  // Serves them at `endpoint`. Errors: kBusy when the port is in use.
  Status Serve(const configs::Endpoint& endpoint);
  // The server's counters are read once a second.
  void UseDnsCounters(const dns::Counters& counters) { dns_ = &counters; }
  // Likewise. It outlives this.
  void UseSigner(const dns::dnssec::OnlineSigner& signer) { signer_ = &signer; }
  // Likewise those of transfers and notifications.
  void UseSecondaries(const Secondaries& secondaries) { secondaries_ = &secondaries; }
  // Likewise the forwarder's.
  void UseForwardCounters(const dns::forward::Counters& counters) { forward_ = &counters; }
  // Likewise what is counted about who may ask, wake and wait.
  void UseLookupCounters(const LookupCounters& counters) { lookups_ = &counters; }
  // A query was answered with `response`.
  void CountQuery(const dns::Query& query, const dns::Response& response);
  void OnReload(ReloadOutcome outcome);
  // When the certificate of DNS over TLS ends, in seconds since 1970.
  void SetCertificateExpiry(std::int64_t seconds) { catalogue_.SetCertificateExpiry(seconds); }

  // --- Observer ---
  void OnPhase(ServiceId, PhaseKind) override {}
  void OnAnswered(ServiceId service, Instant received, Instant sent) override;
  void OnStageReached(ServiceId service, launcher::Stage stage) override;
  void OnInstanceEnded(ServiceId service, const launcher::EndReport& report) override;
  void OnTapTraffic(ServiceId service, const launcher::Traffic& traffic) override;

 private:
  void Update();
  void UpdateQueries();
  void UpdateDns();
  template <typename Counts, typename Reason>
  void UpdateDnsCounter(metrics::Catalogue::DnsCounter counter, const Counts& now, Counts& seen,
                        std::string_view (*text)(Reason));
  void UpdateSignatures();
  void UpdateConnections();
  void UpdateLookups();
  void UpdateSummons();
  void UpdateRungs();

  Loop& loop_;
  Conductor& conductor_;
  metrics::Catalogue catalogue_;
  std::unique_ptr<metrics::Exposer> exposer_;
  // Queries that were answered, by what they asked, what they got, and how. Plain numbers: this is
  // the path of every query.
  static constexpr std::size_t kTypes = static_cast<std::size_t>(metrics::QueryType::kOther) + 1;
  static constexpr std::size_t kResults =
      static_cast<std::size_t>(metrics::QueryResult::kDropped) + 1;
  static constexpr std::size_t kTransports = 3;
  using QueryCounts =
      std::array<std::array<std::array<std::uint64_t, kTransports>, kResults>, kTypes>;
  QueryCounts queries_{};
  const dns::Counters* dns_ = nullptr;
  const dns::dnssec::OnlineSigner* signer_ = nullptr;
  const dns::forward::Counters* forward_ = nullptr;
  ForwardMeasures forward_measures_;
  const Secondaries* secondaries_ = nullptr;
  SecondaryMeasures secondary_measures_;
  // What was added to the catalogue already.
  dns::dnssec::SigningCounters signing_seen_;
  dns::Counters dns_seen_;
  // Datagrams that the kernel had no room for, could not give us, and would not take.
  enum class Loss { kQueue, kRead, kSend };
  using LossCounts = std::array<std::uint64_t, 3>;
  static std::string_view LossText(Loss loss);
  LossCounts losses_seen_{};
  const LookupCounters* lookups_ = nullptr;
  LookupCounters lookups_seen_;
  Counters seen_;
  std::map<ServiceId, std::uint64_t> drops_seen_;
  Timer timer_;
};

}  // namespace summon::summoner
