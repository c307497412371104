// SPDX-License-Identifier: Apache-2.0
// What Prometheus sees of a summon.
#include <gmock/gmock.h>

#include <thread>

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

TEST_P(Metrics, SummonIsCountedWithTriggerOutcomeAndStages) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Ask(house(), kWebName).ok());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  ASSERT_TRUE(Ask(house(), "no-such-name.summon.test").ok());
  ASSERT_TRUE(house().Reclaim("web").ok());
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPatience;
  std::string text;
  const auto shows = [&text](const char* line) { return text.find(line) != std::string::npos; };
  while (!(shows("summon_reclaims_total{reason=\"operator\"} 1") &&
           shows("summon_instances{rung=\"running\"} 0")) &&
         clock.Now() < deadline) {
    text = Scrape(house());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_THAT(text, HasSubstr("summon_dns_queries_total{result=\"answer\",transport=\"udp\","
                              "type=\"A\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_dns_queries_total{result=\"nx_domain\",transport=\"udp\","
                              "type=\"A\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_summons_total{outcome=\"booted\",trigger=\"dns\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_stage_duration_seconds_count{stage=\"ready\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_stage_duration_seconds_count{stage=\"first_byte_out\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_reclaims_total{reason=\"operator\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_guest_exits_total{reason=\"reclaimed\"} 1"));
  EXPECT_THAT(text, HasSubstr("summon_instances{rung=\"running\"} 0"));
}

INSTANTIATE_TEST_SUITE_P(Launchers, Metrics, testing::Values("KVM", "PROCESS"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
