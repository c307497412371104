// SPDX-License-Identifier: Apache-2.0
// Names by Prometheus' conventions, and that each method moves its own series.
#include "metrics/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "base/strings.h"

namespace summon::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

std::map<std::string, std::string> TypesByName(const std::string& text) {
  std::map<std::string, std::string> types;
  for (const std::string_view line : Split(text, '\n')) {
    const auto words = Split(line, ' ');
    if (line.starts_with("# TYPE ")) types[std::string(words.at(2))] = words.at(3);
  }
  return types;
}

TEST(MetricNames, FollowTheConventions) {
  const Catalogue catalogue("1.2.3", "kvm");
  const auto types = TypesByName(catalogue.Exposition());
  EXPECT_GE(types.size(), 10u);
  for (const auto& [name, type] : types) {
    EXPECT_THAT(name, MatchesRegex("summon_[a-z]+(_[a-z]+)*"));
    EXPECT_EQ(type == "counter", name.ends_with("_total")) << name;
    EXPECT_TRUE(type != "histogram" || name.ends_with("_seconds")) << name;
    EXPECT_THAT(name, Not(HasSubstr("_ms")));
    EXPECT_THAT(catalogue.Exposition(), HasSubstr(StrCat("# HELP ", name, " ")));
  }
}

TEST(MetricNames, TheOnesPeopleRelyOnAreThere) {
  Catalogue catalogue("1.2.3", "kvm");
  catalogue.DnsQueries(QueryType::kAaaa, QueryResult::kNoData, Transport::kUdp, 3);
  catalogue.DnsCounted(Catalogue::DnsCounter::kRejected, "opt_twice", 5);
  catalogue.DnsCounted(Catalogue::DnsCounter::kCookies, "valid", 6);
  catalogue.DnsCounted(Catalogue::DnsCounter::kForward, "hit", 7);
  catalogue.DnsCounted(Catalogue::DnsCounter::kForwardForged, "wrong_id", 8);
  catalogue.UpstreamTook({1, 2}, 0.25);
  catalogue.DnsCounted(Catalogue::DnsCounter::kRefused, "prefix", 8);
  catalogue.DnsCounted(Catalogue::DnsCounter::kHandshakes, "resumed", 2);
  catalogue.SetDnsConnections({.open = 3, .accepted = 5, .accept_failures = 1, .paused = 4});
  catalogue.SetCertificateExpiry(1'600'000'000);
  catalogue.DnsCounted(Catalogue::DnsCounter::kLost, "queue", 12);
  catalogue.DnsCounted(Catalogue::DnsCounter::kLimitDropped, "positive", 8);
  catalogue.DnsCounted(Catalogue::DnsCounter::kLookups, "prove", 11);
  catalogue.Summoned(Trigger::kDns, Outcome::kBooted, 1);
  catalogue.StageReached(Stage::kFirstByteOut, std::chrono::milliseconds(3));
  catalogue.Reclaimed(ReclaimReason::kIdle, 1);
  catalogue.GuestExited(ExitReason::kGuestFault);
  catalogue.SetInstances(Rung::kRunning, 2);
  catalogue.TapDropped(7);
  catalogue.FramesForged(9);
  catalogue.SetWaiters(4);
  catalogue.ConfigLoaded(1'500'000'000'000'000'000);
  catalogue.ConfigRejected();
  const std::string text = catalogue.Exposition();
  EXPECT_THAT(text, HasSubstr("summon_build_info{launcher=\"kvm\",version=\"1.2.3\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_dns_queries_total{result=\"no_data\",transport=\"udp\","
                              "type=\"AAAA\"} 3"));
  EXPECT_THAT(text, HasSubstr("summon_dns_rejected_total{reason=\"opt_twice\"} 5"));
  EXPECT_THAT(text, HasSubstr("summon_dns_cookies_total{state=\"valid\"} 6"));
  EXPECT_THAT(text, HasSubstr("summon_forward_total{event=\"hit\"} 7"));
  EXPECT_THAT(text, HasSubstr("summon_forward_forged_total{reason=\"wrong_id\"} 8"));
  EXPECT_THAT(text, HasSubstr("summon_forward_upstream_seconds_bucket{le=\"0.002\"} 3"));
  EXPECT_THAT(text, HasSubstr("summon_dns_connections_refused_total{reason=\"prefix\"} 8"));
  EXPECT_THAT(text, HasSubstr("summon_dns_tls_handshakes_total{result=\"resumed\"} 2"));
  EXPECT_THAT(text, HasSubstr("summon_dns_connections 3"));
  EXPECT_THAT(text, HasSubstr("summon_dns_connections_paused_total 4"));
  EXPECT_THAT(text, HasSubstr("summon_dns_tls_certificate_expiry_timestamp_seconds 1600000000"));
  EXPECT_THAT(text, HasSubstr("summon_dns_datagrams_lost_total{where=\"queue\"} 12"));
  EXPECT_THAT(text, HasSubstr("summon_dns_limited_dropped_total{class=\"positive\"} 8"));
  EXPECT_THAT(text, HasSubstr("summon_dns_lookups_at_rest_total{fate=\"prove\"} 11"));
  EXPECT_THAT(text, HasSubstr("summon_summons_total{outcome=\"booted\",trigger=\"dns\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_stage_duration_seconds_bucket{stage=\"first_byte_out\","
                              "le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_stage_duration_seconds_bucket{stage=\"first_byte_out\","
                              "le=\"0.002\"} 0"));
  EXPECT_THAT(text, HasSubstr("summon_reclaims_total{reason=\"idle\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_guest_exits_total{reason=\"guest_fault\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_instances{rung=\"running\"} 2"));
  EXPECT_THAT(text, HasSubstr("summon_tap_dropped_frames_total 7"));
  EXPECT_THAT(text, HasSubstr("summon_frames_forged_total 9"));
  EXPECT_THAT(text, HasSubstr("summon_waiters 4"));
  EXPECT_THAT(text, HasSubstr("summon_config_last_reload_success_timestamp_seconds 1500000000"));
  EXPECT_THAT(text, HasSubstr("summon_config_reload_failures_total 1"));
}

TEST(MetricSummons, RefusalsAreCountedByReason) {
  Catalogue catalogue("1", "kvm");
  catalogue.Refused(Refusal::kBackoff, 2);
  EXPECT_THAT(catalogue.Exposition(), HasSubstr("summon_refusals_total{reason=\"backoff\"} 2"));
}

TEST(MetricRungs, MediansStandByRungAndKind) {
  Catalogue catalogue("1", "kvm");
  catalogue.SetRung(Kind::kKvm, Rest::kParked,
                    {.wake = std::chrono::microseconds(500), .memory_bytes = 4096});
  const std::string text = catalogue.Exposition();
  EXPECT_THAT(text, HasSubstr("summon_rung_wake_median_seconds{kind=\"kvm\","
                              "rung=\"parked\"} 0.0005"));
  EXPECT_THAT(text, HasSubstr("summon_rung_memory_median_bytes{kind=\"kvm\","
                              "rung=\"parked\"} 4096"));
}

TEST(MetricRungs, WakesAndLossesAreCountedByRung) {
  Catalogue catalogue("1", "kvm");
  catalogue.Woken(Rest::kPaused, 3);
  catalogue.WakeFellBack(Rest::kSaved, 2);
  catalogue.RestLost(Rest::kParked, 1);
  catalogue.Lowered(ReclaimReason::kBudget, 4);
  const std::string text = catalogue.Exposition();
  EXPECT_THAT(text, HasSubstr("summon_wakes_total{rung=\"paused\"} 3"));
  EXPECT_THAT(text, HasSubstr("summon_wake_fallbacks_total{rung=\"saved\"} 2"));
  EXPECT_THAT(text, HasSubstr("summon_rests_lost_total{rung=\"parked\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_lowers_total{reason=\"budget\"} 4"));
}

TEST(MetricSummons, SeriesExistBeforeTheFirstEvent) {
  const Catalogue catalogue("1", "kvm");
  EXPECT_THAT(catalogue.Exposition(),
              HasSubstr("summon_summons_total{outcome=\"failed\",trigger=\"api\"} 0"));
}

}  // namespace
}  // namespace summon::metrics
