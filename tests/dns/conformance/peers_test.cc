// SPDX-License-Identifier: Apache-2.0
// The checks of the conformance tests, run against other servers: a check that none of them passes
// would be a mistake of ours. What each is known to do otherwise is listed with the reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/dns/conformance/peer.h"

namespace summon::dns::test {
namespace {

// A check, or with "*" at its end all that begin so, that the server does not pass.
struct Deviation {
  const char* check;
  const char* reason;
};

struct Row {
  PeerKind kind;
  std::vector<Deviation> deviations;
};

// The names of checks that failed, out of the test program's output.
std::vector<std::string> FailedChecks(const std::string& output) {
  constexpr std::string_view kMark = "[  FAILED  ] ";
  std::vector<std::string> failed;
  std::size_t at = 0;
  while ((at = output.find(kMark, at)) != std::string::npos) {
    at += kMark.size();
    const std::string name = output.substr(at, output.find_first_of(" ,\n", at) - at);
    if (name.find('.') == std::string::npos) continue;
    if (std::find(failed.begin(), failed.end(), name) == failed.end()) failed.push_back(name);
  }
  return failed;
}

bool Covers(const Deviation& deviation, std::string_view check) {
  const std::string_view pattern = deviation.check;
  if (pattern.ends_with('*')) return check.starts_with(pattern.substr(0, pattern.size() - 1));
  return check == pattern;
}

void PrintTo(const Row& row, std::ostream* out) { *out << PeerName(row.kind); }

class OtherServer : public testing::TestWithParam<Row> {};

TEST_P(OtherServer, PassesAllButWhatItIsKnownFor) {
  auto peer = Peer::Start(GetParam().kind, ConformanceZones());
  if (!peer.ok()) GTEST_SKIP() << peer.error().message();
  ASSERT_EQ(setenv("SUMMON_CONFORMANCE_SERVER", (*peer)->address().ToString().c_str(), 1), 0);
  const auto run = testbed::FinishIn(-1, {SUMMON_TESTS "/dns_conformance_test", "--gtest_brief=1"});
  ASSERT_TRUE(run.ok()) << run.error().message();
  ASSERT_LE(run->exit_status, 1) << run->output;
  const std::vector<std::string> failed = FailedChecks(run->output);
  for (const std::string& check : failed) {
    const auto known =
        std::find_if(GetParam().deviations.begin(), GetParam().deviations.end(),
                     [&check](const Deviation& deviation) { return Covers(deviation, check); });
    EXPECT_NE(known, GetParam().deviations.end()) << check;
  }
  for (const Deviation& deviation : GetParam().deviations) {
    EXPECT_TRUE(std::any_of(failed.begin(), failed.end(),
                            [&deviation](const auto& check) { return Covers(deviation, check); }))
        << deviation.check << " passes now";
  }
}

const Row kNsd{
    PeerKind::kNsd,
    {{"Rfc7873Section5.ABadCookieAloneIsBadCookie", "answers it like a good one"},
     {"Rfc7828Section3.OverTcpTheIdleTimeIsTold", "does not know the option"},
     {"Rfc8914Section4_22.*", "tells no reason"},
     {"Rfc9471Section3_1.GlueThatDoesNotFitIsTruncation", "is older than the RFC"},
     {"Rfc8482Section4.*", "truncates ANY over UDP, and gives all over TCP"},
     {"Rfc1034Section4_3_2.AnyBelowACutIsReferred", "truncates ANY over UDP"},
     {"Rfc2308Section2_1/Negative.HasTheSoaThatSaysHowLong/Any", "truncates ANY over UDP"},
     {"Rfc8020Section2/Negative.HasTheSoaThatSaysHowLong/AnyOfItHasNoData",
      "truncates ANY over UDP"},
     {"Rfc7871Section7/ClientSubnetOption.*", "does not look at the option"},
     {"Rfc1035Section4_1_2/Malformed.IsFormErrOverTcp/*", "ends the connection"},
     {"Rfc1035Section4_1_4/Malformed.IsFormErrOverTcp/HalfAPointer", "ends the connection"},
     {"Rfc1035Section4_1_3/Malformed.*", "passes over octets behind the message"},
     {"Rfc6895Section3_1/Malformed.*", "takes OPT and TSIG for types like others"},
     {"Rfc9824Section3_5/Malformed.*", "is older than the RFC"},
     {"Rfc1035Section4_1/WellFormed.*", "takes no additional record but OPT and TSIG"},
     {"Rfc1035Section4_1_1/Flags.*", "refuses a query with an RCODE"},
     {"Rfc1035Section4_1_1/OtherOpcode.*", "refuses NOTIFY, drops some"},
     {"Rfc9619Section4/QuestionCount.*", "answers a query without question"},
     {"Rfc6895Section3_2/OtherClass.IsRefused/Any", "takes it for class IN"}}};

const Row kKnot{
    PeerKind::kKnot,
    {{"Rfc6891Section6_1_2.*", "takes an OPT record with any owner"},
     {"Rfc6891Section6_1_3.BadVersGoesBeforeOptionsOfAnotherForm", "reads the options first"},
     {"Rfc7873Section5.A*", "answers BADCOOKIE, and only queries that ask something"},
     {"Rfc7828Section3.OverTcpTheIdleTimeIsTold", "does not tell"},
     {"Rfc8914Section4_22.*", "answers NOTAUTH"},
     {"Fragments.*", "drops what is malformed"},
     {"Rfc1035Section4_1_2/Malformed.*", "drops what is malformed"},
     {"Rfc1035Section2_3_4/Malformed.*", "drops what is malformed"},
     {"Rfc1035Section4_1_4/Malformed.*", "drops what is malformed"},
     {"Rfc6891Section5/Malformed.*", "drops what is malformed"},
     {"Rfc1035Section4_2_2.AMalformedMessageDoesNotEndTheConnection", "ends it"},
     {"Compression.NamesInDataOfOldTypesAreCompressed", "compresses some of them"},
     {"OpcodeForm.*", "drops what has another form"},
     {"Rfc7766Section6_2_1.StalledConnectionsDoNotBlockOthers", "has one worker for them"},
     {"Rfc8482Section4.*", "answers ANY with one of the sets"},
     {"Rfc5936Section4.TransfersAreRefusedByDefault", "answers NOTAUTH"},
     {"Rfc6891Section6_2_5/Size.*", "takes a size below 512 for an error"},
     {"Rfc7871Section7/ClientSubnetOption.*", "does not look at the option"},
     {"Rfc6895Section3_1/Malformed.*", "takes OPT and TSIG for types like others"},
     {"Rfc9824Section3_5/Malformed.*", "is older than the RFC"},
     {"Rfc1035Section4_1_1/OtherOpcode.*", "answers NOTIFY and UPDATE with NOTAUTH"},
     {"Rfc9619Section4/QuestionCount.*", "drops several questions"},
     {"Rfc3597Section3/Negative.HasTheSoaThatSaysHowLong/TypeZero", "answers NOTIMP"},
     {"Rfc1034Section3_6_2/Aliases.AreFollowed/ToAChildZone", "follows inside one zone only"},
     {"Rfc6895Section3_2/OtherClass.IsRefused/Any", "takes it for class IN"}}};

const Row kBind{
    PeerKind::kBind,
    {{"Rfc6891Section6_1_3.BadVersGoesBeforeOptionsOfAnotherForm", "reads the options first"},
     {"Rfc7873Section5.ABadCookieAloneIsBadCookie", "answers it like a good one"},
     {"Compression.OwnersRepeatTheQuestionsCase", "gives names the case that the zone has"},
     {"Rfc8914Section4_22.*", "tells no reason"},
     {"OpcodeForm.AnUnknownOneWithGarbageIsNotImplemented", "answers FORMERR"},
     {"Rfc9471Section3_1.GlueThatDoesNotFitIsTruncation", "is older than the RFC"},
     {"Rfc8482Section4.*", "answers ANY with one of the sets, and with all over TCP"},
     {"Rfc2181Section9.ASetThatDoesNotFitIsLeftOutWhole", "gives a part of it"},
     {"Rfc6891Section6_2_5/Size.IsKept/NoEdns", "gives a part of the set"},
     {"Rfc7871Section7/ClientSubnetOption.*", "repeats the option"},
     {"Rfc1035Section4_1_3/Malformed.*", "passes over octets behind the message"},
     {"Rfc4035Section3_1_6/Flags.*", "repeats CD"},
     {"Rfc1035Section4_1_1/OtherOpcode.*", "takes NOTIFY, refuses UPDATE"},
     {"Rfc9619Section4/QuestionCount.*", "answers for two names that are the same"},
     {"Rfc3597Section3/Negative.HasTheSoaThatSaysHowLong/AnUnknownMetaType", "answers FORMERR"},
     {"Rfc1034Section3_6_2/Aliases.*", "answers SERVFAIL to a loop"},
     {"Rfc6895Section3_2/OtherClass.*", "answers FORMERR or NOTIMP"}}};

INSTANTIATE_TEST_SUITE_P(Conformance, OtherServer, testing::Values(kNsd, kKnot, kBind),
                         [](const auto& row) { return std::string(PeerName(row.param.kind)); });

}  // namespace
}  // namespace summon::dns::test
