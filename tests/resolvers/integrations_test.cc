// SPDX-License-Identifier: Apache-2.0
// The snippets of docs/integrations, in the resolvers that they are for; and what goes wrong
// without each line of them, which is why it is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/fixture.h"
#include "tests/resolvers/resolver.h"
#include "tests/testbed/peers.h"

namespace summon::resolvers {
namespace {

using end_to_end::kPatience;

constexpr int kServFail = 2;
constexpr int kNxDomain = 3;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kDnsPort = 53;

std::string Without(std::string text, const std::string& part) {
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << "the snippet has no " << part;
  return at == std::string::npos ? text : text.erase(at, part.size());
}

class Integrations : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    auto house = StartHouse(testbed::Text(
        {.name = "web", .address = "10.77.0.10", .launcher = "PROCESS", .policy = ""}));
    ASSERT_TRUE(house.ok()) << house.error().message();
    house_ = std::move(house).value();
    const Status asleep = house_->AwaitState("web", "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  }

  void StartResolver(const std::string& name, const ZonePart& zone) {
    auto resolver = Resolver::Start(house_->network().client(), KindOf(name), zone);
    ASSERT_TRUE(resolver.ok()) << resolver.error().message();
    resolver_ = std::move(resolver).value();
  }
  ZonePart PartOf(const std::string& name) {
    auto part = ZonePartOf(KindOf(name));
    EXPECT_TRUE(part.ok()) << part.error().message();
    return part.ok() ? *part : ZonePart{};
  }

  testbed::DnsAnswer Ask(const std::string& name, std::uint16_t type = 1) {
    const testbed::InNamespace client(house_->network().client());
    const auto answer = testbed::AskDns(
        {.name = name, .type = type, .server = resolver_->address(), .port = kDnsPort}, kPatience);
    EXPECT_TRUE(answer.ok()) << answer.error().message() << "\n" << resolver_->Log();
    return answer.ok() ? *answer : testbed::DnsAnswer{.rcode = -1};
  }

  // The zone is there, whole, through the resolver.
  void ExpectTheZone() {
    const testbed::DnsAnswer web = Ask("web.summon.test");
    EXPECT_EQ(web.rcode, 0) << resolver_->Log();
    EXPECT_EQ(web.address, Ipv4Address::Parse("10.77.0.10")) << resolver_->Log();
    EXPECT_EQ(Ask("static.summon.test").address, Ipv4Address::Parse("192.0.2.1"));
    const testbed::DnsAnswer no_data = Ask("web.summon.test", kTypeAaaa);
    EXPECT_EQ(no_data.rcode, 0);
    EXPECT_EQ(no_data.answers, 0);
    EXPECT_EQ(Ask("nobody.summon.test").rcode, kNxDomain);
    EXPECT_TRUE(house_->AwaitState("web", "ready", kPatience).ok());
    EXPECT_EQ(house_->StatusOf("web").last_trigger(), "dns");
  }

  std::unique_ptr<testbed::House> house_;
  std::unique_ptr<Resolver> resolver_;
};

#define SKIP_WITHOUT(program) \
  if (const std::string why = testbed::WhyNoPeer(program); !why.empty()) GTEST_SKIP() << why

TEST_F(Integrations, UnboundServesTheZone) {
  SKIP_WITHOUT("unbound");
  ASSERT_NO_FATAL_FAILURE(StartResolver("unbound", PartOf("unbound")));
  ExpectTheZone();
}

TEST_F(Integrations, UnboundWithoutLocalZoneDeniesTheZoneItself) {
  SKIP_WITHOUT("unbound");
  ZonePart part = PartOf("unbound");
  part.text = Without(part.text, "local-zone: \"summon.test.\" transparent");
  ASSERT_NO_FATAL_FAILURE(StartResolver("unbound", part));
  EXPECT_EQ(Ask("web.summon.test").rcode, kNxDomain);
}

TEST_F(Integrations, UnboundWithoutPrivateDomainWithholdsTheAddress) {
  SKIP_WITHOUT("unbound");
  ZonePart part = PartOf("unbound");
  part.text = Without(part.text, "private-domain: \"summon.test\"");
  ASSERT_NO_FATAL_FAILURE(StartResolver("unbound", part));
  const testbed::DnsAnswer withheld = Ask("web.summon.test");
  EXPECT_EQ(withheld.rcode, 0);
  EXPECT_EQ(withheld.answers, 0);
}

TEST_F(Integrations, UnboundWithoutDomainInsecureCannotValidate) {
  SKIP_WITHOUT("unbound");
  ZonePart part = PartOf("unbound");
  part.text = Without(part.text, "domain-insecure: \"summon.test\"");
  ASSERT_NO_FATAL_FAILURE(StartResolver("unbound", part));
  EXPECT_EQ(Ask("web.summon.test").rcode, kServFail);
}

TEST_F(Integrations, BindServesTheZone) {
  SKIP_WITHOUT("named");
  ASSERT_NO_FATAL_FAILURE(StartResolver("BIND", PartOf("BIND")));
  ExpectTheZone();
}

TEST_F(Integrations, BindServesTheZoneAsAStaticStub) {
  SKIP_WITHOUT("named");
  ZonePart part = PartOf("BIND");
  const auto stub = Snippet("bind.md", "named.conf.static-stub");
  ASSERT_TRUE(stub.ok()) << stub.error().message();
  part.text = *stub;
  ASSERT_NO_FATAL_FAILURE(StartResolver("BIND", part));
  ExpectTheZone();
}

TEST_F(Integrations, BindWithoutValidateExceptCannotValidate) {
  SKIP_WITHOUT("named");
  ZonePart part = PartOf("BIND");
  part.options.clear();
  ASSERT_NO_FATAL_FAILURE(StartResolver("BIND", part));
  EXPECT_EQ(Ask("web.summon.test").rcode, kServFail);
}

TEST_F(Integrations, DnsmasqServesTheZone) {
  SKIP_WITHOUT("dnsmasq");
  ASSERT_NO_FATAL_FAILURE(StartResolver("dnsmasq", PartOf("dnsmasq")));
  ExpectTheZone();
}

TEST_F(Integrations, DnsmasqWithoutRebindDomainOkWithholdsTheAddress) {
  SKIP_WITHOUT("dnsmasq");
  ZonePart part = PartOf("dnsmasq");
  part.text = Without(part.text, "rebind-domain-ok=/summon.test/");
  ASSERT_NO_FATAL_FAILURE(StartResolver("dnsmasq", part));
  const testbed::DnsAnswer withheld = Ask("web.summon.test");
  EXPECT_EQ(withheld.rcode, 0);
  EXPECT_EQ(withheld.answers, 0);
}

TEST_F(Integrations, SystemdResolvedServesTheZone) {
  SKIP_WITHOUT("systemd-resolved");
  ASSERT_NO_FATAL_FAILURE(StartResolver("resolved", PartOf("resolved")));
  ExpectTheZone();
}

}  // namespace
}  // namespace summon::resolvers
