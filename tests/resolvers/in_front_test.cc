// SPDX-License-Identifier: Apache-2.0
// Summon in front: what docs/integrations/in-front.md says, with each resolver behind us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/resolvers/resolver.h"
#include "tests/testbed/peers.h"

namespace summon::resolvers {
namespace {

using end_to_end::kPatience;

constexpr int kNxDomain = 3;
constexpr std::uint16_t kDnsPort = 53;
constexpr const char* kPublic = "203.0.113.7";   // of www.example.org, behind us
constexpr const char* kPrivate = "192.168.1.7";  // of nas.home.example and evil.example.org

class InFront : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = end_to_end::WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    const ResolverKind& kind = KindOf(GetParam());
    if (const std::string why = testbed::WhyNoPeer(kind.program); !why.empty()) {
      GTEST_SKIP() << why;
    }
    auto snippet = Snippet("in-front.md", "in-front.textproto");
    ASSERT_TRUE(snippet.ok()) << snippet.error().message();
    auto house = testbed::House::Start(
        {.services = testbed::Text(
             {.name = "web", .address = "10.77.0.10", .launcher = "PROCESS", .policy = ""}),
         .settings = WithAddress(*snippet, kind.address)});
    ASSERT_TRUE(house.ok()) << house.error().message();
    house_ = std::move(house).value();
    const Status asleep = house_->AwaitState("web", "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
    const Status added = AddResolverAddresses(house_->network().host());
    ASSERT_TRUE(added.ok()) << added.error().message();
    auto resolver = Resolver::Start(house_->network().host(), kind, World(kind));
    ASSERT_TRUE(resolver.ok()) << resolver.error().message();
    resolver_ = std::move(resolver).value();
  }

  static std::string WithAddress(std::string text, const std::string& address) {
    const std::string page = "127.0.0.53";
    for (std::size_t at = 0; (at = text.find(page, at)) != std::string::npos;) {
      text.replace(at, page.size(), address);
      at += address.size();
    }
    return text;
  }

  // The rest of the world, as the resolver behind us has it by itself.
  ZonePart World(const ResolverKind& kind) {
    const std::string www = StrCat("www.example.org", " A ", kPublic);
    const std::string nas = StrCat("nas.home.example", " A ", kPrivate);
    const std::string evil = StrCat("evil.example.org", " A ", kPrivate);
    if (kind.program == "unbound") {
      return {.text = StrCat("server:\n  local-data: ", Quote(www), "\n  local-data: ", Quote(nas),
                             "\n  local-data: ", Quote(evil),
                             "\n  local-zone: \"example.org\" static\n")};
    }
    if (kind.program == "dnsmasq") {
      return {.text = StrCat("address=/www.example.org/", kPublic, "\naddress=/nas.home.example/",
                             kPrivate, "\naddress=/evil.example.org/", kPrivate,
                             "\nlocal=/example.org/\n")};
    }
    if (kind.program == "systemd-resolved") {
      return {.text = "[Resolve]\n",
              .hosts = StrCat(kPublic, " www.example.org\n", kPrivate, " nas.home.example\n",
                              kPrivate, " evil.example.org\n")};
    }
    const std::string head =
        "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n";
    const std::string org =
        folder_.Write("org", StrCat(head, "www A ", kPublic, "\nevil A ", kPrivate, "\n"));
    const std::string home = folder_.Write("home", StrCat(head, "nas A ", kPrivate, "\n"));
    return {.text = StrCat("zone \"example.org\" { type primary; file ", Quote(org),
                           "; };\nzone \"home.example\" { type primary; file ", Quote(home),
                           "; };\n")};
  }

  testbed::DnsAnswer Ask(const std::string& name) {
    const testbed::InNamespace client(house_->network().client());
    const auto answer = testbed::AskDns(
        {.name = name, .server = testbed::Network::kHostAddress, .port = kDnsPort}, kPatience);
    EXPECT_TRUE(answer.ok()) << answer.error().message() << house_->Logs() << resolver_->Log();
    return answer.ok() ? *answer : testbed::DnsAnswer{.rcode = -1};
  }

  testbed::ScratchFolder folder_;
  std::unique_ptr<testbed::House> house_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_P(InFront, NamesThatAreNotOursAreAskedOfTheOther) {
  const testbed::DnsAnswer www = Ask("www.example.org");
  EXPECT_EQ(www.rcode, 0) << house_->Logs() << resolver_->Log();
  EXPECT_EQ(www.address, Ipv4Address::Parse(kPublic));
  EXPECT_EQ(Ask("web.summon.test").address, Ipv4Address::Parse("10.77.0.10"));
  EXPECT_EQ(Ask("nobody.summon.test").rcode, kNxDomain) << "ours, and not the other's to deny";
}

TEST_P(InFront, NamesOfTheHouseMayLeadToPrivateAddressesAndOthersMayNot) {
  EXPECT_EQ(Ask("nas.home.example").address, Ipv4Address::Parse(kPrivate));
  EXPECT_FALSE(Ask("evil.example.org").address.has_value());
}

TEST_P(InFront, StubOfTheClientNeedsNothingElse) {
  const auto seen = testbed::FinishIn(
      house_->network().client(),
      WithNameServer(folder_, testbed::Network::kHostAddress,
                     {"getent", "ahostsv4", "www.example.org"}));
  ASSERT_TRUE(seen.ok());
  EXPECT_THAT(seen->output, testing::StartsWith(kPublic));
}

INSTANTIATE_TEST_SUITE_P(Of, InFront, testing::Values("unbound", "BIND", "dnsmasq", "resolved"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::resolvers
