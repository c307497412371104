// SPDX-License-Identifier: Apache-2.0
// What Prometheus sees of a summon.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/end_to_end/fixture.h"

namespace summon::end_to_end {
namespace {

using testing::HasSubstr;
using Metrics = EveryLauncher;

std::string Scrape(const testbed::House& house) {
  const testbed::InNamespace host(house.network().host());
  const auto page = testbed::FetchHttp(
      {.address = "127.0.0.1", .port = 9153, .path = "/metrics"}, kPatience);
  return page.ok() ? page->body : page.error().message();
}

// The page, once it has all of `lines`; else the last one that was seen.
std::string ScrapeUntil(const testbed::House& house, const std::vector<std::string>& lines) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPatience;
  while (true) {
    std::string text = Scrape(house);
    const bool all = std::all_of(lines.begin(), lines.end(), [&text](const std::string& line) {
      return text.find(line) != std::string::npos;
    });
    if (all || clock.Now() >= deadline) return text;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

constexpr const char* kBooted = "summon_summons_total{outcome=\"booted\",trigger=\"dns\"} 1";
constexpr const char* kReady = "summon_stage_duration_seconds_count{stage=\"ready\"} 1";
constexpr const char* kFirstByteOut =
    "summon_stage_duration_seconds_count{stage=\"first_byte_out\"} 1";
constexpr const char* kReclaimed = "summon_reclaims_total{reason=\"operator\"} 1";
constexpr const char* kExited = "summon_guest_exits_total{reason=\"reclaimed\"} 1";
constexpr const char* kNoneRuns = "summon_instances{rung=\"running\"} 0";

TEST_P(Metrics, SummonIsCountedWithTriggerOutcomeAndStages) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Ask(house(), kWebName).ok());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  ASSERT_TRUE(Ask(house(), "no-such-name.summon.test").ok());
  const std::string text = ScrapeUntil(house(), {kBooted, kReady, kFirstByteOut});
  EXPECT_THAT(text, HasSubstr("summon_dns_queries_total{result=\"answer\",transport=\"udp\","
                              "type=\"A\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_dns_queries_total{result=\"nx_domain\",transport=\"udp\","
                              "type=\"A\"} 1"));
  EXPECT_THAT(text, HasSubstr(kBooted));
  EXPECT_THAT(text, HasSubstr(kReady));
  EXPECT_THAT(text, HasSubstr(kFirstByteOut));
}

TEST_P(Metrics, ReclaimIsCountedAndNothingWakesTheServiceAgain) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Ask(house(), kWebName).ok());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  // The page may be here before the monitor's word of it: an instance that is reclaimed in
  // between was never ready for summond.
  (void)ScrapeUntil(house(), {kReady});
  ASSERT_TRUE(house().Reclaim("web").ok());
  const std::string text = ScrapeUntil(house(), {kReclaimed, kExited, kNoneRuns});
  EXPECT_THAT(text, HasSubstr(kReclaimed));
  EXPECT_THAT(text, HasSubstr(kExited));
  EXPECT_THAT(text, HasSubstr(kNoneRuns)) << house().Logs();
}

INSTANTIATE_TEST_SUITE_P(Launchers, Metrics, testing::Values("KVM", "PROCESS"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
