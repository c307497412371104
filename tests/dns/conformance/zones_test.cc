// SPDX-License-Identifier: Apache-2.0
// What is said about names: data, aliases, wildcards, delegations, and what there is not.
#include <algorithm>

#include "tests/dns/conformance/harness.h"
#include "tests/dns/conformance/zones.h"

namespace summon::dns::test {
namespace {

const auto kRowName = [](const auto& row) { return std::string(row.param.name); };

constexpr int kNoError = 0, kNxDomain = 3, kRefused = 5;

bool HasSoa(const Answer& answer) {
  return std::any_of(answer.authorities.begin(), answer.authorities.end(),
                     [](const AnswerRecord& record) { return record.type == RrType::kSoa; });
}
std::size_t CountType(const std::vector<AnswerRecord>& records, RrType type) {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(),
                    [type](const AnswerRecord& record) { return record.type == type; }));
}

// --- RFC 4592, on the zone of its section 2.2.1 ---

struct WildRow {
  const char* name;
  const char* asked;
  RrType type;
  int rcode;
  std::size_t answers;
};
class Wildcard : public ConformanceTest, public testing::WithParamInterface<WildRow> {};

TEST_P(Wildcard, IsAnsweredAs) {
  const Answer answer = Ask(GetParam().asked, GetParam().type);
  EXPECT_EQ(answer.rcode, GetParam().rcode);
  ASSERT_EQ(answer.answers.size(), GetParam().answers);
  for (const AnswerRecord& record : answer.answers) EXPECT_EQ(record.owner, N(GetParam().asked));
}

INSTANTIATE_TEST_SUITE_P(
    Rfc4592Section2_2_1, Wildcard,
    testing::Values(
        WildRow{"Host3MxIsSynthesized", "host3.example", RrType::kMx, kNoError, 1},
        WildRow{"Host3AHasNoData", "host3.example", RrType::kA, kNoError, 0},
        WildRow{"DeeperNamesAreCoveredToo", "foo.bar.example", RrType::kTxt, kNoError, 1},
        WildRow{"Host1ExistsAndHasNoMx", "host1.example", RrType::kMx, kNoError, 0},
        WildRow{"SubOfTheAsteriskExists", "sub.*.example", RrType::kMx, kNoError, 0},
        WildRow{"SubOfTheAsteriskHasItsOwn", "sub.*.example", RrType::kTxt, kNoError, 1},
        WildRow{"BelowAnEmptyNonTerminalNothing", "_telnet._tcp.host1.example", RrType::kSrv,
                kNxDomain, 0},
        WildRow{"BelowTheAsteriskNothing", "ghost.*.example", RrType::kMx, kNxDomain, 0},
        WildRow{"TheAsteriskItself", "*.example", RrType::kTxt, kNoError, 1},
        WildRow{"TheAsteriskItselfWithoutData", "*.example", RrType::kA, kNoError, 0},
        WildRow{"AnEmptyNonTerminalHidesIt", "_tcp.host2.example", RrType::kTxt, kNoError, 0},
        WildRow{"ANameAboveAnEmptyNonTerminal", "host2.example", RrType::kTxt, kNoError, 0},
        WildRow{"AnotherAsteriskBelow", "*.*.example", RrType::kTxt, kNxDomain, 0}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Rfc4592Section3_3, Wildcard,
    testing::Values(
        WildRow{"Covered", "any.wild.conf.test", RrType::kA, kNoError, 1},
        WildRow{"CoveredFarBelow", "a.b.c.d.wild.conf.test", RrType::kA, kNoError, 1},
        WildRow{"CoveredWithoutTheType", "any.wild.conf.test", RrType::kMx, kNoError, 0},
        WildRow{"AnExactNameHidesIt", "exact.wild.conf.test", RrType::kA, kNoError, 0},
        WildRow{"AnExactNameHasItsOwn", "exact.wild.conf.test", RrType::kTxt, kNoError, 1},
        WildRow{"BelowAnExactNameNothing", "x.exact.wild.conf.test", RrType::kA, kNxDomain, 0},
        WildRow{"AnEmptyNonTerminalHidesIt", "between.wild.conf.test", RrType::kA, kNoError, 0},
        WildRow{"BelowAnEmptyNonTerminalNothing", "x.between.wild.conf.test", RrType::kA, kNxDomain,
                0},
        WildRow{"TheNameAboveIsNoWildcard", "wild.conf.test", RrType::kA, kNoError, 0},
        WildRow{"OwnersKeepTheCaseOfTheQuestion", "AnY.wild.conf.test", RrType::kA, kNoError, 1}),
    kRowName);

class Rfc4592Section3_3_1 : public ConformanceTest {};

TEST_F(Rfc4592Section3_3_1, AWildcardAliasIsFollowed) {
  const Answer answer = Ask("any.cwild.conf.test", RrType::kA);
  ASSERT_EQ(answer.answers.size(), 3u);
  EXPECT_EQ(answer.answers[0].type, RrType::kCname);
  EXPECT_EQ(answer.answers[0].owner, N("any.cwild.conf.test"));
  EXPECT_EQ(answer.answers[1].owner, N("www.conf.test"));
}
TEST_F(Rfc4592Section3_3_1, DelegationsAreNotCovered) {
  const Answer answer = Ask("host.subdel.example", RrType::kA);
  EXPECT_EQ(CountType(answer.authorities, RrType::kNs), 2u);
  EXPECT_TRUE(answer.answers.empty());
}

// --- RFC 2308 ---

struct NegativeRow {
  const char* name;
  const char* asked;
  RrType type;
  int rcode;
  const char* zone;
};
class Negative : public ConformanceTest, public testing::WithParamInterface<NegativeRow> {};

TEST_P(Negative, HasTheSoaThatSaysHowLong) {
  const Answer answer = Ask(GetParam().asked, GetParam().type);
  EXPECT_EQ(answer.rcode, GetParam().rcode);
  EXPECT_TRUE(answer.aa());
  EXPECT_TRUE(answer.answers.empty());
  ASSERT_EQ(answer.authorities.size(), 1u);
  const AnswerRecord& soa = answer.authorities[0];
  EXPECT_EQ(soa.type, RrType::kSoa);
  EXPECT_EQ(soa.owner, N(GetParam().zone));
  EXPECT_EQ(soa.ttl, kSoaMinimum);  // the lesser of MINIMUM and the SOA's own TTL
}

INSTANTIATE_TEST_SUITE_P(
    Rfc2308Section2_1, Negative,
    testing::Values(
        NegativeRow{"AName", "missing.conf.test", RrType::kA, kNxDomain, "conf.test"},
        NegativeRow{"ADeepName", "a.b.c.missing.conf.test", RrType::kA, kNxDomain, "conf.test"},
        NegativeRow{"BelowAName", "x.www.conf.test", RrType::kA, kNxDomain, "conf.test"},
        NegativeRow{"InAChildZone", "missing.inner.conf.test", RrType::kA, kNxDomain,
                    "inner.conf.test"},
        NegativeRow{"OfAnUnknownType", "missing.conf.test", static_cast<RrType>(65'279), kNxDomain,
                    "conf.test"},
        NegativeRow{"Any", "missing.conf.test", RrType::kAny, kNxDomain, "conf.test"}),
    kRowName);
INSTANTIATE_TEST_SUITE_P(
    Rfc2308Section2_2, Negative,
    testing::Values(
        NegativeRow{"AType", "only4.conf.test", RrType::kAaaa, kNoError, "conf.test"},
        NegativeRow{"Https", "www.conf.test", RrType::kHttps, kNoError, "conf.test"},
        NegativeRow{"Svcb", "www.conf.test", RrType::kSvcb, kNoError, "conf.test"},
        NegativeRow{"AtTheApex", "conf.test", RrType::kA, kNoError, "conf.test"},
        NegativeRow{"AtAChildsApex", "inner.conf.test", RrType::kMx, kNoError, "inner.conf.test"},
        NegativeRow{"OfAWildcard", "any.wild.conf.test", RrType::kMx, kNoError, "conf.test"}),
    kRowName);
INSTANTIATE_TEST_SUITE_P(Rfc8020Section2, Negative,
                         testing::Values(NegativeRow{"AnEmptyNonTerminalExists", "empty.conf.test",
                                                     RrType::kA, kNoError, "conf.test"},
                                         NegativeRow{"SoDoesOneWithUnderscore", "_tcp.conf.test",
                                                     RrType::kSrv, kNoError, "conf.test"},
                                         NegativeRow{"AnyOfItHasNoData", "empty.conf.test",
                                                     RrType::kAny, kNoError, "conf.test"}),
                         kRowName);
// RFC 3597 section 5 and RFC 4035: types that we give no meaning to, and DNSSEC's where nothing
// is signed.
INSTANTIATE_TEST_SUITE_P(
    Rfc3597Section3, Negative,
    testing::Values(NegativeRow{"TypeZero", "www.conf.test", static_cast<RrType>(0), kNoError,
                                "conf.test"},
                    NegativeRow{"AnUnknownType", "www.conf.test", static_cast<RrType>(1'234),
                                kNoError, "conf.test"},
                    NegativeRow{"AnUnknownMetaType", "www.conf.test", static_cast<RrType>(200),
                                kNoError, "conf.test"},
                    NegativeRow{"TheHighestType", "www.conf.test", static_cast<RrType>(65'535),
                                kNoError, "conf.test"}),
    kRowName);
INSTANTIATE_TEST_SUITE_P(
    Rfc4035Section3_1_4_1, Negative,
    testing::Values(
        NegativeRow{"DsAtAnApexIsTheParents", "inner.conf.test", RrType::kDs, kNoError,
                    "conf.test"},
        NegativeRow{"DsAtAnApexWithoutAParentHere", "conf.test", RrType::kDs, kNoError,
                    "conf.test"},
        NegativeRow{"DsAtAnUnsignedCut", "sub.conf.test", RrType::kDs, kNoError, "conf.test"},
        NegativeRow{"DsOfAName", "www.conf.test", RrType::kDs, kNoError, "conf.test"},
        NegativeRow{"DsOfNoName", "missing.conf.test", RrType::kDs, kNxDomain, "conf.test"},
        NegativeRow{"DnskeyOfAnUnsignedZone", "conf.test", RrType::kDnskey, kNoError, "conf.test"},
        NegativeRow{"RrsigOfAnUnsignedZone", "www.conf.test", RrType::kRrsig, kNoError,
                    "conf.test"},
        NegativeRow{"NsecOfAnUnsignedZone", "www.conf.test", RrType::kNsec, kNoError, "conf.test"}),
    kRowName);

// --- delegations ---

class Rfc1034Section4_3_2 : public ConformanceTest {
 protected:
  void ExpectReferral(const Answer& answer, std::string_view cut) {
    EXPECT_EQ(answer.rcode, kNoError);
    EXPECT_FALSE(answer.aa());
    EXPECT_TRUE(answer.answers.empty());
    EXPECT_GE(CountType(answer.authorities, RrType::kNs), 1u);
    EXPECT_FALSE(HasSoa(answer));
    for (const AnswerRecord& record : answer.authorities) EXPECT_EQ(record.owner, N(cut));
  }
};

TEST_F(Rfc1034Section4_3_2, ANameBelowACutIsReferred) {
  const Answer answer = Ask("host.sub.conf.test", RrType::kA);
  ExpectReferral(answer, "sub.conf.test");
  EXPECT_EQ(CountType(answer.authorities, RrType::kNs), 2u);
}
TEST_F(Rfc1034Section4_3_2, ANameFarBelowACutIsReferred) {
  ExpectReferral(Ask("a.b.c.sub.conf.test", RrType::kTxt), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, TheCutItselfIsReferred) {
  ExpectReferral(Ask("sub.conf.test", RrType::kA), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, TheCutsNsAreAReferralToo) {
  ExpectReferral(Ask("sub.conf.test", RrType::kNs), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, TheCutsSoaIsTheChilds) {
  ExpectReferral(Ask("sub.conf.test", RrType::kSoa), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, AnyBelowACutIsReferred) {
  ExpectReferral(Ask("host.sub.conf.test", RrType::kAny), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, GlueIsNoAnswer) {
  ExpectReferral(Ask("ns.sub.conf.test", RrType::kA), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, DsBelowACutIsTheChilds) {
  ExpectReferral(Ask("host.sub.conf.test", RrType::kDs), "sub.conf.test");
}
TEST_F(Rfc1034Section4_3_2, AReferralHasItsGlue) {
  const Answer answer = Ask("host.sub.conf.test", RrType::kA);
  ASSERT_EQ(answer.additionals.size(), 2u);
  EXPECT_EQ(answer.additionals[0].owner, N("ns.sub.conf.test"));
  EXPECT_EQ(CountType(answer.additionals, RrType::kA), 1u);
  EXPECT_EQ(CountType(answer.additionals, RrType::kAaaa), 1u);
}
TEST_F(Rfc1034Section4_3_2, ServersElsewhereHaveNoGlue) {
  EXPECT_TRUE(Ask("host.signed.conf.test", RrType::kA).additionals.empty());
}
TEST_F(Rfc1034Section4_3_2, ACutInAWildcardsReachIsReferred) {
  ExpectReferral(Ask("subdel.example", RrType::kMx), "subdel.example");
}
TEST_F(Rfc1034Section4_3_2, AZoneOfOursIsNoReferral) {
  const Answer answer = Ask("host.inner.conf.test", RrType::kA);
  EXPECT_TRUE(answer.aa());
  EXPECT_EQ(answer.answers.size(), 1u);
}

class Rfc4035Section3_1_4_1 : public ConformanceTest {};

TEST_F(Rfc4035Section3_1_4_1, DsAtACutIsOurs) {
  const Answer answer = Ask("signed.conf.test", RrType::kDs);
  EXPECT_TRUE(answer.aa());
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].type, RrType::kDs);
}

// RFC 9471: a referral without glue that it needs leads nowhere, so it says that it is cut short.
class Rfc9471Section3_1 : public ConformanceTest {};

// 700 octets hold the names of the servers and the addresses of some.
TEST_F(Rfc9471Section3_1, GlueThatDoesNotFitIsTruncation) {
  const Answer answer = Ask(EdnsQuery("host.crowd.conf.test", RrType::kA, {.size = 700}));
  EXPECT_EQ(CountType(answer.authorities, RrType::kNs), 13u);
  EXPECT_TRUE(answer.tc());
}
TEST_F(Rfc9471Section3_1, OverTcpAllOfItIsThere) {
  const Answer answer = AskTcp(PlainQuery("host.crowd.conf.test", RrType::kA));
  EXPECT_FALSE(answer.tc());
  EXPECT_EQ(answer.additionals.size(), 26u);
}

// --- apexes ---

class Rfc1035Section3_3 : public ConformanceTest {};

TEST_F(Rfc1035Section3_3, TheSoaIsServed) {
  const Answer answer = Ask("conf.test", RrType::kSoa);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].ttl, kSoaTtl);
}
TEST_F(Rfc1035Section3_3, TheNameServersComeWithTheirAddresses) {
  const Answer answer = Ask("conf.test", RrType::kNs);
  EXPECT_EQ(CountType(answer.answers, RrType::kNs), 2u);
  EXPECT_EQ(answer.additionals.size(), 3u);
  EXPECT_TRUE(answer.aa());
}
TEST_F(Rfc1035Section3_3, TypesAreServedAsTheyAre) {
  EXPECT_EQ(Ask("ptr.conf.test", RrType::kPtr).answers.size(), 1u);
  EXPECT_EQ(Ask("svc.conf.test", RrType::kHttps).answers.size(), 1u);
  EXPECT_EQ(Ask("caa.conf.test", RrType::kCaa).answers.size(), 1u);
  EXPECT_EQ(Ask("_http._tcp.conf.test", RrType::kSrv).answers.size(), 1u);
  EXPECT_EQ(Ask("www.conf.test", RrType::kAaaa).answers.size(), 1u);
  EXPECT_EQ(Ask("conf.test", RrType::kMx).answers.size(), 1u);
}
TEST_F(Rfc1035Section3_3, UnknownTypesAreServedAsTheyAre) {
  EXPECT_EQ(Ask("opaque.conf.test", static_cast<RrType>(65'280)).answers.size(), 1u);
}

// --- aliases ---

struct AliasRow {
  const char* name;
  const char* asked;
  RrType type;
  int rcode;
  std::size_t aliases;
  std::size_t answers;  // with the aliases
  bool soa;
};
class Aliases : public ConformanceTest, public testing::WithParamInterface<AliasRow> {};

TEST_P(Aliases, AreFollowed) {
  const AliasRow& row = GetParam();
  const Answer answer = Ask(row.asked, row.type);
  EXPECT_EQ(answer.rcode, row.rcode);
  EXPECT_TRUE(answer.aa());
  EXPECT_EQ(CountType(answer.answers, RrType::kCname), row.aliases);
  EXPECT_EQ(answer.answers.size(), row.answers);
  EXPECT_EQ(HasSoa(answer), row.soa);
  ASSERT_FALSE(answer.answers.empty());
  EXPECT_EQ(answer.answers.front().owner, N(row.asked));
}

INSTANTIATE_TEST_SUITE_P(
    Rfc1034Section3_6_2, Aliases,
    testing::Values(
        AliasRow{"One", "alias.conf.test", RrType::kA, kNoError, 1, 3, false},
        AliasRow{"Two", "alias2.conf.test", RrType::kA, kNoError, 2, 4, false},
        AliasRow{"AskedForItself", "alias.conf.test", RrType::kCname, kNoError, 1, 1, false},
        AliasRow{"LeadsAway", "away.conf.test", RrType::kA, kNoError, 1, 1, false},
        AliasRow{"ToAChildZone", "toinner.conf.test", RrType::kA, kNoError, 1, 2, false},
        AliasRow{"ToAWildcard", "towild.conf.test", RrType::kA, kNoError, 1, 2, false},
        AliasRow{"Self", "self.conf.test", RrType::kA, kNoError, 1, 1, false},
        AliasRow{"Loop", "loop1.conf.test", RrType::kA, kNoError, 2, 2, false}),
    kRowName);
INSTANTIATE_TEST_SUITE_P(Rfc2308Section2_2_1, Aliases,
                         testing::Values(AliasRow{"WithoutTheType", "half.conf.test", RrType::kAaaa,
                                                  kNoError, 1, 1, true}),
                         kRowName);
INSTANTIATE_TEST_SUITE_P(Rfc6604Section3, Aliases,
                         testing::Values(AliasRow{"TheRcodeIsThatOfTheEnd", "dangling.conf.test",
                                                  RrType::kA, kNxDomain, 1, 1, true}),
                         kRowName);

class Rfc1034Section4_3_2_Alias : public ConformanceTest {};

TEST_F(Rfc1034Section4_3_2_Alias, IntoADelegationEndsInAReferral) {
  const Answer answer = Ask("tosub.conf.test", RrType::kA);
  EXPECT_EQ(CountType(answer.answers, RrType::kCname), 1u);
  EXPECT_EQ(CountType(answer.authorities, RrType::kNs), 2u);
}

// --- ANY ---

class Rfc8482Section4 : public ConformanceTest {};

TEST_F(Rfc8482Section4, AnyIsAnsweredWithOneSmallRecord) {
  const Answer answer = Ask("www.conf.test", RrType::kAny);
  EXPECT_EQ(answer.rcode, kNoError);
  EXPECT_TRUE(answer.aa());
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].type, RrType::kHinfo);
  EXPECT_EQ(ToHex(answer.answers[0].rdata),
            "07524643383438"
            "3200");
}
TEST_F(Rfc8482Section4, LargeSetsMakeItNoLarger) {
  const Answer answer = Ask("huge.conf.test", RrType::kAny);
  EXPECT_FALSE(answer.tc());
  EXPECT_EQ(answer.answers.size(), 1u);
}
TEST_F(Rfc8482Section4, OverTcpItIsTheSame) {
  EXPECT_EQ(AskTcp(PlainQuery("www.conf.test", RrType::kAny)).answers.size(), 1u);
}
TEST_F(Rfc8482Section4, AnAliasIsShown) {
  const Answer answer = Ask("alias.conf.test", RrType::kAny);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].type, RrType::kCname);
}
TEST_F(Rfc8482Section4, AWildcardIsSynthesized) {
  const Answer answer = Ask("any.wild.conf.test", RrType::kAny);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].owner, N("any.wild.conf.test"));
}

// --- truncation ---

class Rfc2181Section9 : public ConformanceTest {};

TEST_F(Rfc2181Section9, ASetThatDoesNotFitIsLeftOutWhole) {
  const Answer answer = Ask("many.conf.test", RrType::kA);
  EXPECT_TRUE(answer.tc());
  EXPECT_TRUE(answer.answers.empty());
}
TEST_F(Rfc2181Section9, OverTcpItIsWhole) {
  const Answer answer = AskTcp(PlainQuery("huge.conf.test", RrType::kTxt));
  EXPECT_FALSE(answer.tc());
  EXPECT_EQ(answer.answers.size(), 60u);
}
TEST_F(Rfc2181Section9, AdditionalDataThatDoesNotFitIsNoTruncation) {
  const Answer answer = Ask("conf.test", RrType::kNs);
  EXPECT_FALSE(answer.tc());
}

// --- classes and transfers ---

struct ClassRow {
  const char* name;
  std::uint16_t number;
};
class OtherClass : public ConformanceTest, public testing::WithParamInterface<ClassRow> {};

TEST_P(OtherClass, IsRefused) {
  const Packet query =
      Message().Header(0, {}).NameOf("www.conf.test").Be16(1).Be16(GetParam().number).bytes();
  const Answer answer = Ask(query);
  EXPECT_EQ(answer.rcode, kRefused);
  EXPECT_FALSE(answer.aa());
  EXPECT_TRUE(answer.answers.empty());
}

INSTANTIATE_TEST_SUITE_P(Rfc6895Section3_2, OtherClass,
                         testing::Values(ClassRow{"Zero", 0}, ClassRow{"Csnet", 2},
                                         ClassRow{"Chaos", 3}, ClassRow{"Hesiod", 4},
                                         ClassRow{"None", 254}, ClassRow{"Any", 255},
                                         ClassRow{"Private", 65'280}),
                         kRowName);

class Rfc5936Section4 : public ConformanceTest {};

TEST_F(Rfc5936Section4, TransfersAreRefusedByDefault) {
  EXPECT_EQ(AskTcp(PlainQuery("conf.test", RrType::kAxfr)).rcode, kRefused);
}
TEST_F(Rfc5936Section4, TransfersOverUdpAreNot) {
  const int rcode = Ask("conf.test", RrType::kAxfr).rcode;
  EXPECT_TRUE(rcode == kRefused || rcode == 4 || rcode == 1) << rcode;
}

}  // namespace
}  // namespace summon::dns::test
