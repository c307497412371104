// SPDX-License-Identifier: Apache-2.0
// What a reload finds changed.
#include "configs/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Service Named(const std::string& name) {
  Service service;
  service.name = name;
  return service;
}

TEST(ConfigDiff, SortsServicesByWhatHappensToThem) {
  Config before;
  before.services = {Named("same"), Named("gone"), Named("altered")};
  Config next;
  next.services = {Named("altered"), Named("new"), Named("same")};
  next.services[0].policy.grace = std::chrono::seconds(7);
  const ConfigDiff diff = Diff(before, next);
  EXPECT_THAT(diff.added, ElementsAre("new"));
  EXPECT_THAT(diff.removed, ElementsAre("gone"));
  EXPECT_THAT(diff.changed, ElementsAre("altered"));
  EXPECT_THAT(diff.unchanged, ElementsAre("same"));
  EXPECT_THAT(diff.needs_restart, IsEmpty());
}

TEST(ConfigDiff, NamesWhatOnlyARestartChanges) {
  Config next;
  next.control_socket = "/elsewhere";
  next.network.prefix_length = 16;
  next.limits.waiters_max = 1;
  const ConfigDiff diff = Diff(Config(), next);
  EXPECT_THAT(diff.needs_restart, ElementsAre("control_socket", "network"));
  EXPECT_TRUE(diff.limits_changed);
  EXPECT_FALSE(diff.zones_changed);
}

TEST(ConfigDiff, LoadingTheSameTextTwiceChangesNothing) {
  const std::string text = WithService("policy { grace_s: 3 }");
  const ConfigDiff diff = Diff(*LoadPure(text).config, *LoadPure(text).config);
  EXPECT_THAT(diff.unchanged, ElementsAre("hello"));
  EXPECT_THAT(diff.changed, IsEmpty());
  EXPECT_FALSE(diff.zones_changed);
}

TEST(ConfigEndpoint, ShowsIpv6InBrackets) {
  EXPECT_EQ((Endpoint{*Ipv6Address::Parse("::1"), 53}).ToString(), "[::1]:53");
}

}  // namespace
}  // namespace summon::configs
