// SPDX-License-Identifier: Apache-2.0
// The metrics' names, helps and labels.
#include "metrics/catalogue.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

#include "base/check.h"
#include "metrics/state.h"

namespace summon::metrics {

namespace {

constexpr std::array kTypes = {"A",     "AAAA",  "NS",  "SOA", "TXT",  "MX",
                               "CNAME", "HTTPS", "SRV", "ANY", "other"};
constexpr std::array kResults = {"answer",  "no_data",   "nx_domain", "refused", "form_err",
                                 "not_imp", "serv_fail", "bad_vers",  "dropped"};
constexpr std::array kTransports = {"udp", "tcp", "tls"};
constexpr std::array kTriggers = {"dns", "packet", "api", "schedule", "dependency"};
constexpr std::array kOutcomes = {"booted", "reused", "refused", "failed"};
constexpr std::array kRefusals = {"failed",    "not_ready", "backoff", "unavailable",
                                  "reclaimed", "removed",   "no_room", "waiters_full"};
constexpr std::array kStages = {"decision", "assigned", "loaded",          "running",
                                "ready",    "answer",   "first_packet_in", "first_byte_out"};
constexpr std::array kRungs = {"running", "paused", "parked", "saved"};
constexpr std::array kRests = {"paused", "parked", "saved", "off"};
constexpr std::array kKinds = {"kvm", "process"};
constexpr std::array kReclaims = {"idle",     "budget",  "not_ready",
                                  "operator", "removed", "orphan"};
constexpr std::array kExits = {"reclaimed",    "halted",     "guest_fault", "image_rejected",
                               "monitor_died", "unavailable", "host_fault", "lost"};

// The label of an enum's value.
template <std::size_t kCount, typename Enum>
std::string Label(const std::array<const char*, kCount>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  SUMMON_CHECK(index < kCount);
  return names[index];
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

constexpr double kBytesPerMib = 1024.0 * 1024.0;

}  // namespace

Catalogue::Catalogue(std::string_view version, std::string_view launcher)
    : state_(std::make_unique<State>()) {
  state_->build_info.Add({{"version", std::string(version)}, {"launcher", std::string(launcher)}})
      .Set(1);
  // Series that alerts are made of exist from the start, so that the first event is a change.
  for (const char* trigger : kTriggers) {
    state_->triggers.Add({{"trigger", trigger}});
    for (const char* outcome : kOutcomes) {
      state_->summons.Add({{"trigger", trigger}, {"outcome", outcome}});
    }
  }
  for (const char* reason : kRefusals) state_->refusals.Add({{"reason", reason}});
  for (const char* reason : kReclaims) state_->reclaims.Add({{"reason", reason}});
  for (const char* reason : kReclaims) state_->lowers.Add({{"reason", reason}});
  for (const char* rung : kRests) {
    state_->wakes.Add({{"rung", rung}});
    state_->wake_fallbacks.Add({{"rung", rung}});
    state_->rests_lost.Add({{"rung", rung}});
  }
  for (const char* reason : kExits) state_->exits.Add({{"reason", reason}});
  for (const char* rung : kRungs) state_->instances.Add({{"rung", rung}});
}

Catalogue::~Catalogue() = default;

void Catalogue::DnsQueries(QueryType type, QueryResult result, Transport transport,
                           std::uint64_t count) {
  state_->queries
      .Add({{"type", Label(kTypes, type)},
            {"result", Label(kResults, result)},
            {"transport", Label(kTransports, transport)}})
      .Increment(static_cast<double>(count));
}

void Catalogue::DnsCounted(DnsCounter counter, std::string_view label, std::uint64_t count) {
  const auto add = [&](State::Counters& family, const char* name) {
    family.Add({{name, std::string(label)}}).Increment(static_cast<double>(count));
  };
  switch (counter) {
    case DnsCounter::kRejected: return add(state_->dns_rejected, "reason");
    case DnsCounter::kDropped: return add(state_->dns_dropped, "reason");
    case DnsCounter::kCookies: return add(state_->dns_cookies, "state");
    case DnsCounter::kClosed: return add(state_->dns_closed, "reason");
    case DnsCounter::kSignatures: return add(state_->dns_signatures, "outcome");
    case DnsCounter::kRefused: return add(state_->dns_refused, "reason");
    case DnsCounter::kHandshakes: return add(state_->tls_handshakes, "result");
    case DnsCounter::kForward: return add(state_->forward, "event");
    case DnsCounter::kForwardRefused: return add(state_->forward_refused, "reason");
    case DnsCounter::kForwardForged: return add(state_->forward_forged, "reason");
    case DnsCounter::kForwardUpstream: return add(state_->forward_upstream, "event");
    case DnsCounter::kLost: return add(state_->dns_datagrams_lost, "where");
    case DnsCounter::kTransfer: return add(state_->transfers, "event");
    case DnsCounter::kNotify: return add(state_->notifies, "event");
    case DnsCounter::kLimitDropped: return add(state_->dns_limit_dropped, "class");
    case DnsCounter::kLimitSlipped: return add(state_->dns_limit_slipped, "class");
    case DnsCounter::kRefusedBy: return add(state_->dns_access_refused, "list");
    case DnsCounter::kLookups: return add(state_->dns_lookups, "fate");
    case DnsCounter::kParked: return add(state_->dns_parked, "event");
  }
}

void Catalogue::SetForward(const Forward& now) {
  state_->forward_in_flight.Set(static_cast<double>(now.in_flight));
  state_->forward_waiting.Set(static_cast<double>(now.waiting));
  state_->forward_cache_entries.Set(static_cast<double>(now.cache_entries));
  state_->forward_cache_bytes.Set(static_cast<double>(now.cache_octets));
}

void Catalogue::UpstreamTook(
    const std::array<std::uint64_t, kUpstreamBounds.size() + 1>& buckets, double sum_s) {
  state_->forward_took.ObserveMultiple(std::vector<double>(buckets.begin(), buckets.end()), sum_s);
}

void Catalogue::SetDnsConnections(const DnsConnections& connections) {
  state_->dns_connections.Set(static_cast<double>(connections.open));
  state_->dns_accepted.Increment(static_cast<double>(connections.accepted));
  state_->dns_accept_failures.Increment(static_cast<double>(connections.accept_failures));
  state_->dns_paused.Increment(static_cast<double>(connections.paused));
}

void Catalogue::SetCertificateExpiry(std::int64_t seconds) {
  state_->certificate_expiry.Add({}).Set(static_cast<double>(seconds));
}

void Catalogue::QueryToAnswer(Duration took) { state_->query_to_answer.Observe(Seconds(took)); }

void Catalogue::Triggered(Trigger trigger, std::uint64_t count) {
  state_->triggers.Add({{"trigger", Label(kTriggers, trigger)}})
      .Increment(static_cast<double>(count));
}

void Catalogue::Summoned(Trigger trigger, Outcome outcome, std::uint64_t count) {
  state_->summons
      .Add({{"trigger", Label(kTriggers, trigger)}, {"outcome", Label(kOutcomes, outcome)}})
      .Increment(static_cast<double>(count));
}

void Catalogue::Refused(Refusal reason, std::uint64_t count) {
  state_->refusals.Add({{"reason", Label(kRefusals, reason)}})
      .Increment(static_cast<double>(count));
}

void Catalogue::StageReached(Stage stage, Duration since_trigger) {
  state_->stages.Add({{"stage", Label(kStages, stage)}}, Buckets()).Observe(Seconds(since_trigger));
}

void Catalogue::SetInstances(Rung rung, std::uint64_t count) {
  state_->instances.Add({{"rung", Label(kRungs, rung)}}).Set(static_cast<double>(count));
}

void Catalogue::SetWaiters(std::uint64_t count) { state_->waiters.Set(static_cast<double>(count)); }

void Catalogue::SetServices(std::uint64_t count) {
  state_->services.Set(static_cast<double>(count));
}

void Catalogue::SetMemory(Memory memory) {
  state_->memory_budget.Set(static_cast<double>(memory.budget_mib) * kBytesPerMib);
  state_->memory_used.Set(static_cast<double>(memory.used_mib) * kBytesPerMib);
}

void Catalogue::Reclaimed(ReclaimReason reason, std::uint64_t count) {
  state_->reclaims.Add({{"reason", Label(kReclaims, reason)}})
      .Increment(static_cast<double>(count));
}

void Catalogue::Lowered(ReclaimReason reason, std::uint64_t count) {
  state_->lowers.Add({{"reason", Label(kReclaims, reason)}}).Increment(static_cast<double>(count));
}

void Catalogue::Woken(Rest from, std::uint64_t count) {
  state_->wakes.Add({{"rung", Label(kRests, from)}}).Increment(static_cast<double>(count));
}

void Catalogue::WakeFellBack(Rest from, std::uint64_t count) {
  state_->wake_fallbacks.Add({{"rung", Label(kRests, from)}})
      .Increment(static_cast<double>(count));
}

void Catalogue::RestLost(Rest from, std::uint64_t count) {
  state_->rests_lost.Add({{"rung", Label(kRests, from)}}).Increment(static_cast<double>(count));
}

void Catalogue::SetRung(Kind kind, Rest rung, const RungMedians& medians) {
  const prometheus::Labels labels{{"rung", Label(kRests, rung)}, {"kind", Label(kKinds, kind)}};
  state_->rung_wake.Add(labels).Set(Seconds(medians.wake));
  state_->rung_memory.Add(labels).Set(static_cast<double>(medians.memory_bytes));
}

void Catalogue::GuestExited(ExitReason reason) {
  state_->exits.Add({{"reason", Label(kExits, reason)}}).Increment();
}

void Catalogue::TapDropped(std::uint64_t frames) {
  state_->tap_dropped.Increment(static_cast<double>(frames));
}

void Catalogue::FramesForged(std::uint64_t frames) {
  state_->frames_forged.Increment(static_cast<double>(frames));
}

void Catalogue::ConsoleLost(std::uint64_t bytes) {
  state_->console_lost.Increment(static_cast<double>(bytes));
}

void Catalogue::StaleEvents(std::uint64_t count) {
  state_->stale_events.Increment(static_cast<double>(count));
}

void Catalogue::ConfigLoaded(std::int64_t wall_nanos) {
  state_->config_loaded.Set(static_cast<double>(wall_nanos) / 1e9);
}

void Catalogue::ConfigRejected() { state_->config_rejected.Increment(); }

std::string Catalogue::Exposition() const {
  return prometheus::TextSerializer().Serialize(state_->registry->Collect());
}

}  // namespace summon::metrics
