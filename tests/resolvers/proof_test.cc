// SPDX-License-Identifier: Apache-2.0
// Resolvers whose network is not trusted: asked for a proof of their address, they give it, and
// their clients notice nothing.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/resolvers/resolver.h"
#include "tests/testbed/peers.h"

namespace summon::resolvers {
namespace {

using end_to_end::kPatience;

class Proof : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    const ResolverKind& kind = KindOf(GetParam());
    if (const std::string why = testbed::WhyNoPeer(kind.program); !why.empty()) {
      GTEST_SKIP() << why;
    }
    auto house = StartHouse(StrCat(
        testbed::Text({.name = "web", .address = "10.77.0.10", .launcher = "PROCESS"}),
        "\nwake { trusted: \"none\" }\nrate_limit { exempt: \"none\" }\n"));
    ASSERT_TRUE(house.ok()) << house.error().message();
    house_ = std::move(house).value();
    const Status asleep = house_->AwaitState("web", "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
    const auto part = ZonePartOf(kind);
    ASSERT_TRUE(part.ok()) << part.error().message();
    auto resolver = Resolver::Start(house_->network().client(), kind, *part);
    ASSERT_TRUE(resolver.ok()) << resolver.error().message();
    resolver_ = std::move(resolver).value();
  }

  std::string Scrape() {
    const testbed::InNamespace host(house_->network().host());
    const auto page = testbed::FetchHttp(
        {.address = "127.0.0.1", .port = 9153, .path = "/metrics"}, kPatience);
    return page.ok() ? page->body : page.error().message();
  }

  std::unique_ptr<testbed::House> house_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_P(Proof, IsGivenByFollowingToTcp) {
  const auto answer = testbed::RunIn(
      house_->network().client(),
      {"dig", "+short", StrCat("@", resolver_->address()), "web.summon.test", "A"});
  ASSERT_TRUE(answer.ok()) << answer.error().message() << resolver_->Log();
  EXPECT_EQ(*answer, "10.77.0.10\n");
  const Status ready = house_->AwaitState("web", "ready", kPatience);
  ASSERT_TRUE(ready.ok()) << ready.error().message() << resolver_->Log();
  EXPECT_EQ(house_->StatusOf("web").last_trigger(), "dns");
  EXPECT_TRUE(testbed::Await(
      [this] {
        const std::string metrics = Scrape();
        return metrics.find("summon_dns_lookups_at_rest_total{fate=\"boot\"} 1") !=
               std::string::npos;
      },
      kPatience));
}

INSTANTIATE_TEST_SUITE_P(Of, Proof, testing::Values("unbound", "BIND", "dnsmasq", "resolved"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::resolvers
