// SPDX-License-Identifier: Apache-2.0
#pragma once
// The prometheus-cpp side of the catalogue. For this folder only.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "metrics/catalogue.h"

namespace summon::metrics {

// Bounds of the histograms, log-spaced: three a decade from 0.1 ms, where a boot from the pool
// begins, to 10 s, where a summon is given up.
inline prometheus::Histogram::BucketBoundaries Buckets() {
  return {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
          0.05,   0.1,    0.2,    0.5,   1.0,   2.0,   5.0,  10.0};
}

struct Catalogue::State {
  using Counters = prometheus::Family<prometheus::Counter>;
  using Gauges = prometheus::Family<prometheus::Gauge>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  // Shared because prometheus-cpp's exposer takes a weak_ptr to what it serves.
  const std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();

  Counters& MakeCounter(const std::string& name, const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry);
  }
  Gauges& MakeGauge(const std::string& name, const std::string& help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry);
  }
  Histograms& MakeHistogram(const std::string& name, const std::string& help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry);
  }

  Gauges& build_info = MakeGauge("summon_build_info", "Always 1; the labels tell the version.");
  Counters& queries = MakeCounter("summon_dns_queries_total", "DNS queries, by what came of them.");
  Counters& dns_rejected = MakeCounter(
      "summon_dns_rejected_total", "DNS messages that were answered without a look-up, by reason.");
  Counters& dns_dropped =
      MakeCounter("summon_dns_dropped_total", "DNS messages that were not answered, by reason.");
  Counters& dns_cookies =
      MakeCounter("summon_dns_cookies_total", "DNS queries, by what their cookie proved.");
  Counters& dns_closed = MakeCounter("summon_dns_connections_closed_total",
                                     "DNS connections that ended, by reason.");
  Counters& dns_signatures = MakeCounter(
      "summon_dns_signatures_total", "DNSSEC signatures that answers needed, by what came of it.");
  Counters& forward =
      MakeCounter("summon_forward_total", "Queries for names that are not ours, by what came.");
  Counters& forward_refused =
      MakeCounter("summon_forward_refused_total", "Queries that were not forwarded, by reason.");
  Counters& forward_forged = MakeCounter(
      "summon_forward_forged_total", "Messages that were no reply to a question, by reason.");
  Counters& forward_upstream = MakeCounter("summon_forward_upstream_total",
                                           "What passed to and from upstream servers.");
  Counters& transfers = MakeCounter("summon_dns_transfers_total",
                                    "Zones that were asked for as a whole, and records sent.");
  Counters& notifies = MakeCounter("summon_dns_notifies_total",
                                   "What secondaries were told of changes, and said.");
  prometheus::Gauge& forward_in_flight =
      MakeGauge("summon_forward_in_flight", "Questions to upstream servers.").Add({});
  prometheus::Gauge& forward_waiting =
      MakeGauge("summon_forward_waiting", "Queries that wait for upstream servers.").Add({});
  prometheus::Gauge& forward_cache_entries =
      MakeGauge("summon_forward_cache_entries", "Answers of upstream servers that are kept.")
          .Add({});
  prometheus::Gauge& forward_cache_bytes =
      MakeGauge("summon_forward_cache_bytes", "Memory of the answers that are kept.").Add({});
  prometheus::Histogram& forward_took =
      MakeHistogram("summon_forward_upstream_seconds", "From a question to an upstream's reply.")
          .Add({}, prometheus::Histogram::BucketBoundaries(Catalogue::kUpstreamBounds.begin(),
                                                           Catalogue::kUpstreamBounds.end()));
  Counters& dns_refused = MakeCounter("summon_dns_connections_refused_total",
                                      "DNS connections closed as soon as accepted, by reason.");
  Counters& tls_handshakes =
      MakeCounter("summon_dns_tls_handshakes_total", "TLS handshakes, by what came of them.");
  prometheus::Gauge& dns_connections =
      MakeGauge("summon_dns_connections", "DNS connections that are open.").Add({});
  prometheus::Counter& dns_accepted =
      MakeCounter("summon_dns_connections_accepted_total", "DNS connections that came.").Add({});
  prometheus::Counter& dns_accept_failures =
      MakeCounter("summon_dns_accept_failures_total",
                  "DNS connections for which there was no descriptor or no memory.").Add({});
  prometheus::Counter& dns_paused =
      MakeCounter("summon_dns_connections_paused_total",
                  "Times that a DNS connection had too many questions waiting to be read on.")
          .Add({});
  // Without a series until there is a certificate.
  Gauges& certificate_expiry =
      MakeGauge("summon_dns_tls_certificate_expiry_timestamp_seconds",
                "When the certificate of DNS over TLS ends, in seconds since 1970.");
  Counters& dns_datagrams_lost =
      MakeCounter("summon_dns_datagrams_lost_total",
                  "Datagrams that the kernel would not keep or take, by where that happened.");
  Counters& dns_limit_dropped =
      MakeCounter("summon_dns_limited_dropped_total",
                  "Answers over UDP that were over their network's share and not sent, by class.");
  Counters& dns_limit_slipped =
      MakeCounter("summon_dns_limited_slipped_total",
                  "Answers over their network's share that were sent truncated, by class.");
  Counters& dns_access_refused =
      MakeCounter("summon_dns_access_refused_total",
                  "Queries of networks that may not ask, or wake, by list.");
  Counters& dns_lookups = MakeCounter("summon_dns_lookups_at_rest_total",
                                      "Lookups that found a service at rest, by their fate.");
  Counters& dns_parked = MakeCounter("summon_dns_parked_total",
                                     "Queries that met others that wait, by what happened.");
  prometheus::Histogram& query_to_answer =
      MakeHistogram("summon_query_to_answer_seconds", "From a DNS query to its answer.")
          .Add({}, Buckets());
  Counters& triggers = MakeCounter("summon_triggers_total", "Reasons to summon that arrived.");
  Counters& summons = MakeCounter("summon_summons_total", "What became of reasons to summon.");
  Counters& refusals = MakeCounter("summon_refusals_total", "Refused summons, by reason.");
  Histograms& stages = MakeHistogram("summon_stage_duration_seconds",
                                     "From the reason to summon to each stage of the summon.");
  Gauges& instances = MakeGauge("summon_instances", "Instances that run, and that rest, by rung.");
  prometheus::Gauge& waiters = MakeGauge("summon_waiters", "DNS answers that wait.").Add({});
  prometheus::Gauge& services = MakeGauge("summon_services", "Configured services.").Add({});
  prometheus::Gauge& memory_budget =
      MakeGauge("summon_memory_budget_bytes", "Memory that instances may have together.").Add({});
  prometheus::Gauge& memory_used =
      MakeGauge("summon_memory_used_bytes", "Memory given to instances and to what rests.").Add({});
  Counters& reclaims = MakeCounter("summon_reclaims_total", "Reclaimed instances, by reason.");
  Counters& lowers = MakeCounter("summon_lowers_total", "Rests that were lowered, by reason.");
  Counters& wakes = MakeCounter("summon_wakes_total", "Summons, by the rung they woke from.");
  Counters& wake_fallbacks =
      MakeCounter("summon_wake_fallbacks_total", "Rests that could not be woken, by rung.");
  Counters& rests_lost =
      MakeCounter("summon_rests_lost_total", "Rests that went without being asked, by rung.");
  Gauges& rung_wake = MakeGauge("summon_rung_wake_median_seconds",
                                "From launch to ready on this machine, by rung: the median.");
  Gauges& rung_memory = MakeGauge("summon_rung_memory_median_bytes",
                                  "Memory of a rest on this machine, by rung: the median.");
  Counters& exits = MakeCounter("summon_guest_exits_total", "Instances that ended, by reason.");
  prometheus::Counter& tap_dropped =
      MakeCounter("summon_tap_dropped_frames_total", "Frames that a tap did not take.").Add({});
  prometheus::Counter& frames_forged =
      MakeCounter("summon_frames_forged_total",
                  "Frames that guests sent in another's name; none left its tap.").Add({});
  prometheus::Counter& console_lost =
      MakeCounter("summon_guest_console_lost_bytes_total", "Console output that nobody kept.")
          .Add({});
  prometheus::Counter& stale_events =
      MakeCounter("summon_stale_events_total", "Events about instances of the past.").Add({});
  prometheus::Gauge& config_loaded =
      MakeGauge("summon_config_last_reload_success_timestamp_seconds",
                "When a configuration was last taken over, in seconds since 1970.")
          .Add({});
  prometheus::Counter& config_rejected =
      MakeCounter("summon_config_reload_failures_total", "Reloads with errors; nothing changed.")
          .Add({});
};

}  // namespace summon::metrics
