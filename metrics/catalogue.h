// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every metric that summond has, in one place: what is counted, and by which labels.
//
// Labels come from the enums here and from the configuration, never from packets, so that nobody
// outside can make the number of time series grow. This is the only room that knows
// prometheus-cpp. Methods may be called from any thread; they do not block.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace summon::metrics {

// Labels of one value each; the text of a label is the name in lower case: kNoData is "no_data".
enum class QueryType { kA, kAaaa, kNs, kSoa, kTxt, kMx, kCname, kHttps, kSrv, kAny, kOther };
enum class QueryResult {
  kAnswer, kNoData, kNxDomain, kRefused, kFormErr, kNotImp, kServFail, kBadVers, kDropped,
};
enum class Transport { kUdp, kTcp, kTls };
enum class Trigger { kDns, kPacket, kApi, kSchedule, kDependency };
// What became of a trigger: summons = booted + reused + refused + failed.
enum class Outcome { kBooted, kReused, kRefused, kFailed };
// Why somebody who waited got no address.
enum class Refusal {
  kFailed, kNotReady, kBackoff, kUnavailable, kReclaimed, kRemoved, kNoRoom, kWaitersFull,
};
enum class Stage {
  kDecision, kAssigned, kLoaded, kRunning, kReady, kAnswer, kFirstPacketIn, kFirstByteOut,
};
enum class Rung { kRunning, kPaused, kParked, kSaved };
// Where a service rests, and what an instance woke from (off: it booted).
enum class Rest { kPaused, kParked, kSaved, kOff };
enum class Kind { kKvm, kProcess };
enum class ReclaimReason { kIdle, kBudget, kNotReady, kOperator, kRemoved, kOrphan };
enum class ExitReason {
  kReclaimed, kHalted, kGuestFault, kImageRejected, kMonitorDied, kUnavailable, kHostFault, kLost,
};

class Catalogue final {
 public:
  // `version` and `launcher` (of this host: "kvm", "process", ...) stand in summon_build_info.
  Catalogue(std::string_view version, std::string_view launcher);
  ~Catalogue();
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  // summon_dns_queries_total{type,result,transport}: `count` more queries were dealt with.
  void DnsQueries(QueryType type, QueryResult result, Transport transport, std::uint64_t count = 1);
  // What DNS counts by one label. It is one of a closed set of texts, whoever sends what.
  enum class DnsCounter {
    kRejected,  // summon_dns_rejected_total{reason}: answered without a look-up
    kDropped,   // summon_dns_dropped_total{reason}: not answered
    kCookies,   // summon_dns_cookies_total{state}: queries, by what their cookie proved
    kClosed,    // summon_dns_connections_closed_total{reason}
    kSignatures,  // summon_dns_signatures_total{outcome}: DNSSEC signatures that answers needed
    kRefused,   // summon_dns_connections_refused_total{reason}: closed as soon as accepted
    kHandshakes,  // summon_dns_tls_handshakes_total{result}
    kForward,          // summon_forward_total{event}: queries for names that are not ours
    kForwardRefused,   // summon_forward_refused_total{reason}: those that were not forwarded
    kForwardForged,    // summon_forward_forged_total{reason}: messages that were no reply
    kForwardUpstream,  // summon_forward_upstream_total{event}: what passed to and from servers
    kLost,          // summon_dns_datagrams_lost_total{where}: the kernel had no room for them
    kTransfer,         // summon_dns_transfers_total{event}: zones that were asked for as a whole
    kNotify,           // summon_dns_notifies_total{event}: what secondaries were told, and said
    kLimitDropped,  // summon_dns_limited_dropped_total{class}: over their network's share
    kLimitSlipped,  // summon_dns_limited_slipped_total{class}: likewise, sent truncated and empty
    kRefusedBy,     // summon_dns_access_refused_total{list}: who may not ask, or wake
    kLookups,       // summon_dns_lookups_at_rest_total{fate}: of services at rest
    kParked,        // summon_dns_parked_total{event}: beside others that wait
  };
  void DnsCounted(DnsCounter counter, std::string_view label, std::uint64_t count);
  // summon_forward_in_flight, summon_forward_waiting, summon_forward_cache_entries,
  // summon_forward_cache_bytes: as they are now.
  struct Forward {
    std::uint64_t in_flight = 0;
    std::uint64_t waiting = 0;
    std::uint64_t cache_entries = 0;
    std::uint64_t cache_octets = 0;
  };
  void SetForward(const Forward& now);
  // summon_forward_upstream_seconds: `buckets` more replies by how long they took, one bucket for
  // each bound of kUpstreamBounds and one for what is above; together they took `sum`.
  static constexpr std::array<double, 9> kUpstreamBounds = {0.001, 0.002, 0.005, 0.01, 0.025,
                                                            0.05,  0.1,   0.4,   1.6};
  void UpstreamTook(const std::array<std::uint64_t, kUpstreamBounds.size() + 1>& buckets,
                    double sum_s);
  // summon_dns_connections: open now. The others grow by so many:
  // summon_dns_connections_accepted_total, summon_dns_accept_failures_total (no descriptor or no
  // memory), summon_dns_connections_paused_total (not read: too much was unanswered).
  struct DnsConnections {
    std::uint64_t open = 0;
    std::uint64_t accepted = 0;
    std::uint64_t accept_failures = 0;
    std::uint64_t paused = 0;
  };
  void SetDnsConnections(const DnsConnections& connections);
  // summon_dns_tls_certificate_expiry_timestamp_seconds.
  void SetCertificateExpiry(std::int64_t seconds);
  // summon_query_to_answer_seconds: from the query's arrival to its answer leaving.
  void QueryToAnswer(Duration took);

  // summon_triggers_total{trigger}: so many more reasons to summon arrived.
  void Triggered(Trigger trigger, std::uint64_t count);
  // summon_summons_total{trigger,outcome}: what became of them.
  void Summoned(Trigger trigger, Outcome outcome, std::uint64_t count);
  // summon_refusals_total{reason}: so many more who waited were refused.
  void Refused(Refusal reason, std::uint64_t count);
  // summon_stage_duration_seconds{stage}: from the trigger to the stage.
  void StageReached(Stage stage, Duration since_trigger);

  // summon_instances{rung}, summon_waiters, summon_services, summon_memory_budget_bytes,
  // summon_memory_used_bytes: as they are now.
  void SetInstances(Rung rung, std::uint64_t count);
  void SetWaiters(std::uint64_t count);
  void SetServices(std::uint64_t count);
  struct Memory {
    std::uint64_t budget_mib = 0;
    std::uint64_t used_mib = 0;
  };
  void SetMemory(Memory memory);

  // summon_reclaims_total{reason}.
  void Reclaimed(ReclaimReason reason, std::uint64_t count);
  // summon_lowers_total{reason}: services at rest that were asked to hold less.
  void Lowered(ReclaimReason reason, std::uint64_t count);
  // summon_wakes_total{rung}: instances that became ready, by what they woke from.
  void Woken(Rest from, std::uint64_t count);
  // summon_wake_fallbacks_total{rung}: launches that found a rest there and woke lower.
  void WakeFellBack(Rest from, std::uint64_t count);
  // summon_rests_lost_total{rung}: what rested there went without being asked.
  void RestLost(Rest from, std::uint64_t count);
  // summon_rung_wake_median_seconds{rung,kind}, summon_rung_memory_median_bytes{rung,kind}: of the
  // launcher's last wakes and rests on this machine.
  struct RungMedians {
    Duration wake{};
    std::uint64_t memory_bytes = 0;
  };
  void SetRung(Kind kind, Rest rung, const RungMedians& medians);
  // summon_guest_exits_total{reason}.
  void GuestExited(ExitReason reason);
  // summon_tap_dropped_frames_total, summon_frames_forged_total,
  // summon_guest_console_lost_bytes_total.
  void TapDropped(std::uint64_t frames);
  void FramesForged(std::uint64_t frames);
  void ConsoleLost(std::uint64_t bytes);
  // summon_stale_events_total: events of an older generation.
  void StaleEvents(std::uint64_t count);

  // summon_config_last_reload_success_timestamp_seconds, from WallNanos().
  void ConfigLoaded(std::int64_t wall_nanos);
  // summon_config_reload_failures_total.
  void ConfigRejected();

  // Everything, as Prometheus' text exposition format.
  std::string Exposition() const;

 private:
  friend class Exposer;
  struct State;
  const std::unique_ptr<State> state_;
};

// Serves a catalogue over HTTP at /metrics, on threads of its own. The catalogue outlives it.
class Exposer final {
 public:
  // `endpoint` is "address:port"; port 0 takes a free one. kBusy when the port is in use.
  static Result<std::unique_ptr<Exposer>> Create(const Catalogue& catalogue,
                                                 const std::string& endpoint);
  ~Exposer();
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

  int port() const;

 private:
  struct State;
  explicit Exposer(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace summon::metrics
