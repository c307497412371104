// SPDX-License-Identifier: Apache-2.0
// What bounds abuse, as it is read from a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using testing::HasSubstr;

TEST(ConfigAbuse, DefaultsAreThoseOfTheSchema) {
  const LoadOutcome outcome = LoadPure(WithService(""));
  ASSERT_TRUE(outcome.ok());
  const std::vector<IpPrefix> local = ParsePrefixes("local").value();
  RateLimit limit;
  limit.exempt = local;
  EXPECT_EQ(outcome.config->rate_limit, limit);
  Wake wake;
  wake.trusted = local;
  EXPECT_EQ(outcome.config->wake, wake);
  EXPECT_FALSE(outcome.config->zones[0].allow_query);
  EXPECT_FALSE(outcome.config->zones[0].allow_wake);
  EXPECT_FALSE(outcome.config->services[0].policy.allow_wake);
  EXPECT_EQ(outcome.config->services[0].policy.wake_on, WakeOn::kAddress);
}

TEST(ConfigAbuse, WhatIsWrittenIsTakenOver) {
  const LoadOutcome outcome = LoadPure(
      "zone { apex: \"summon.test\" allow_query: \"any\" allow_wake: \"10.0.0.0/8\" }\n"
      "rate_limit { enabled: false positive_per_s: 200 slip: 1 exempt: \"none\" }\n"
      "wake { proof: UNDER_PRESSURE trusted: \"loopback\" boots_per_s: 50 cool_down_max_s: 60 }\n"
      "service { name: \"hello\" dns_name: \"hello.summon.test\" address: \"10.77.0.10\"\n"
      "  image: \"web.hvt\" policy { wake_on: SERVICE allow_wake: \"fd00::/8\" } }\n");
  ASSERT_TRUE(outcome.ok());
  const Config& config = *outcome.config;
  EXPECT_EQ(config.zones[0].allow_query->size(), 2u);
  EXPECT_EQ(config.zones[0].allow_wake->at(0).ToString(), "10.0.0.0/8");
  EXPECT_FALSE(config.rate_limit.enabled);
  EXPECT_EQ(config.rate_limit.positive_per_s, 200u);
  EXPECT_EQ(config.rate_limit.slip, 1u);
  EXPECT_TRUE(config.rate_limit.exempt.empty());
  EXPECT_FALSE(config.wake.proof_always);
  EXPECT_EQ(config.wake.trusted, ParsePrefixes("loopback").value());
  EXPECT_EQ(config.wake.boots_per_s, 50u);
  EXPECT_EQ(config.wake.cool_down_max, std::chrono::seconds(60));
  EXPECT_EQ(config.services[0].policy.wake_on, WakeOn::kService);
  EXPECT_EQ(config.services[0].policy.allow_wake->at(0).ToString(), "fd00::/8");
}

TEST(ConfigAbuse, ABadNetworkIsShownAtItsPlace) {
  const std::string error = FirstError(
      "zone { apex: \"summon.test\" allow_query: [\"any\", \"10.1.0.0/8\"] }");
  EXPECT_THAT(error, HasSubstr("allow_query \"10.1.0.0/8\" has bits beyond its length"));
  EXPECT_THAT(error, HasSubstr("\"10.0.0.0/8\" is the network"));
}

TEST(ConfigAbuse, RangesSayTheValueAndTheLimit) {
  EXPECT_THAT(FirstError("zone { apex: \"summon.test\" }\nrate_limit { slip: 11 }"),
              HasSubstr("slip is 11; must be 0..10"));
  EXPECT_THAT(FirstError("zone { apex: \"summon.test\" }\nwake { boots_per_s: 0 }"),
              HasSubstr("boots_per_s is 0; must be 1..10000"));
}

TEST(ConfigAbuse, AListHasABound) {
  std::string text = "zone { apex: \"summon.test\"\n";
  for (int i = 0; i < 257; ++i) {
    text += StrCat("allow_query: \"10.0.", i / 256, '.', i % 256, "\"\n");
  }
  EXPECT_THAT(FirstError(text + "}"), HasSubstr("257 networks; must be 0..256"));
}

TEST(ConfigAbuse, AChangedRateLimitWaitsForTheNextStart) {
  const Config before = *LoadPure(WithService("")).config;
  Config after = before;
  after.rate_limit.slip = 0;
  EXPECT_EQ(Diff(before, after).needs_restart, std::vector<std::string>{"rate_limit"});
}

}  // namespace
}  // namespace summon::configs
