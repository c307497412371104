// SPDX-License-Identifier: Apache-2.0
// Rules of forwarding: what is taken, what is refused and with which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "configs/load.h"
#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string With(std::string_view more) { return StrCat(kZone, more, "\n"); }

Forwarding Loaded(std::string_view more) {
  const LoadOutcome outcome = LoadPure(With(more));
  EXPECT_TRUE(outcome.ok()) << outcome.ToString();
  return outcome.ok() ? outcome.config->forwarding : Forwarding{};
}
// A rule for all names.
std::string Rule(std::string_view more) {
  return With(StrCat("forward { zone: \".\" ", more, " }"));
}
std::vector<std::string> Texts(const std::vector<Endpoint>& endpoints) {
  std::vector<std::string> out;
  for (const Endpoint& one : endpoints) out.push_back(one.ToString());
  return out;
}

TEST(ConfigForward, NothingIsForwardedUnlessToldSo) {
  const Forwarding forwarding = Loaded("");
  EXPECT_THAT(forwarding.rules, IsEmpty());
  EXPECT_EQ(forwarding.in_flight_max, 2'000u);
  EXPECT_EQ(forwarding.cache_entries_max, 10'000u);
  EXPECT_EQ(forwarding.cache_mib_max, 16u);
}

TEST(ConfigForward, RulesAreWrittenAsInTheManual) {
  const Forwarding forwarding =
      Loaded("forward: { zone: \".\" upstream: [\"192.0.2.1\", \"192.0.2.2:5353\"] }\n"
             "forward { zone: \"Corp.Example.\" upstream: \"[2001:db8::1]:54\" upstream: "
             "\"2001:db8::2\" rebind_protection: false trust_ad: true mix_case: false }");
  ASSERT_EQ(forwarding.rules.size(), 2u);
  EXPECT_EQ(forwarding.rules[0].zone, ".");
  EXPECT_EQ(Texts(forwarding.rules[0].upstreams),
            (std::vector<std::string>{"192.0.2.1:53", "192.0.2.2:5353"}));
  EXPECT_TRUE(forwarding.rules[0].rebind_protection);
  EXPECT_TRUE(forwarding.rules[0].mix_case);
  EXPECT_FALSE(forwarding.rules[0].trust_ad);
  EXPECT_EQ(forwarding.rules[1].zone, "corp.example");
  EXPECT_EQ(Texts(forwarding.rules[1].upstreams),
            (std::vector<std::string>{"[2001:db8::1]:54", "[2001:db8::2]:53"}));
  EXPECT_FALSE(forwarding.rules[1].rebind_protection);
  EXPECT_TRUE(forwarding.rules[1].trust_ad);
  EXPECT_FALSE(forwarding.rules[1].mix_case);
}

TEST(ConfigForward, AFileMayNameTheServersInEitherWay) {
  const Forwarding first = Loaded("forward { zone: \".\" upstream: \"/etc/resolv.conf\" }");
  EXPECT_EQ(first.rules.at(0).resolv_conf, "/etc/resolv.conf");
  const Forwarding second = Loaded("forward { zone: \".\" resolv_conf: \"/run/resolv.conf\" }");
  EXPECT_EQ(second.rules.at(0).resolv_conf, "/run/resolv.conf");
}

TEST(ConfigForward, ThisMachineAndItsGuestsMayAskUnlessToldOtherwise) {
  const auto allowed =
      Loaded("network { gateway: \"10.77.3.1\" prefix_length: 22 }").allow_recursion;
  std::vector<std::string> texts;
  for (const IpPrefix& one : allowed) texts.push_back(one.ToString());
  EXPECT_EQ(texts, (std::vector<std::string>{"127.0.0.0/8", "::1/128", "169.254.0.0/16",
                                             "fe80::/10", "10.77.0.0/22"}));
  const Forwarding told = Loaded("forwarding { allow_recursion: \"192.168.0.0/16\" }");
  EXPECT_EQ(told.allow_recursion.size(), 1u);
}

TEST(ConfigForward, AServerThatIsOurselvesIsAnError) {
  EXPECT_THAT(FirstError(With("listen: \"127.0.0.1:53\" forward { zone: \".\" upstream: "
                              "\"127.0.0.1\" }")),
              HasSubstr("is this server itself"));
  EXPECT_THAT(FirstError(With("listen: \"0.0.0.0:53\" forward { zone: \".\" upstream: "
                              "\"127.0.0.1\" }")),
              HasSubstr("is this server itself"));
  EXPECT_THAT(Loaded("listen: \"127.0.0.1:53\" forward { zone: \".\" upstream: \"127.0.0.1:54\" }")
                  .rules.size(),
              1u);
}

TEST(ConfigForward, ServersAreAddresses) {
  EXPECT_THAT(FirstError(Rule("upstream: \"dns.example\"")),
              HasSubstr("is not an address"));
  EXPECT_THAT(FirstError(Rule("upstream: \"192.0.2.1:0\"")),
              HasSubstr("must be 1..65535"));
  EXPECT_THAT(FirstError(Rule("upstream: [\"192.0.2.1\", \"192.0.2.1:53\"]")),
              HasSubstr("given twice"));
  EXPECT_THAT(FirstError(Rule("upstream: [\"192.0.2.1\", \"/etc/r\"]")),
              HasSubstr("must stand alone"));
}

TEST(ConfigForward, ARuleNeedsAZoneAndServers) {
  EXPECT_THAT(FirstError(With("forward { upstream: \"192.0.2.1\" }")),
              HasSubstr("zone is missing"));
  EXPECT_THAT(FirstError(Rule("")), HasSubstr("upstream is missing"));
  EXPECT_THAT(FirstError(Rule("upstream: \"192.0.2.1\" resolv_conf: \"/r\"")),
              HasSubstr("exclude each other"));
}

TEST(ConfigForward, NoTwoRulesAreForOneZoneAndNoneForOurOwn) {
  EXPECT_THAT(FirstError(With("forward { zone: \"a.b\" upstream: \"192.0.2.1\" }\n"
                              "forward { zone: \"A.B.\" upstream: \"192.0.2.1\" }")),
              HasSubstr("a rule for this zone already"));
  EXPECT_THAT(FirstError(With("forward { zone: \"x.summon.test\" upstream: \"192.0.2.1\" }")),
              HasSubstr("lies in the zone summon.test"));
}

TEST(ConfigForward, BoundsAreChecked) {
  EXPECT_THAT(FirstError(With("forwarding { in_flight_max: 1 }")), HasSubstr("2..20000"));
  EXPECT_THAT(FirstError(With("forwarding { cache_entries_max: 1 }")), HasSubstr("16..10000000"));
  EXPECT_THAT(FirstError(With("forwarding { allow_recursion: \"10.0.0.1/8\" }")),
              HasSubstr("allow_recursion \"10.0.0.1/8\""));
  EXPECT_THAT(FirstError(With("forwarding { private_zone: \"a..b\" }")), HasSubstr("empty label"));
}

}  // namespace
}  // namespace summon::configs
