// SPDX-License-Identifier: Apache-2.0
// The header: what is repeated, what is set, what is ignored, and what is no query at all.
#include "tests/dns/conformance/harness.h"

namespace summon::dns::test {
namespace {

constexpr std::uint16_t kQr = 0x8000, kAa = 0x0400, kTc = 0x0200, kRa = 0x0080, kZ = 0x0040,
                        kAd = 0x0020, kCd = 0x0010;

Packet WithFlags(std::uint16_t flags) {
  return Message().Header(flags, {}).Question("www.conf.test", RrType::kA).bytes();
}
Packet WithId(Packet packet, std::uint16_t id) {
  packet[0] = static_cast<std::uint8_t>(id >> 8);
  packet[1] = static_cast<std::uint8_t>(id);
  return packet;
}

// --- the id ---

class Id : public ConformanceTest, public testing::WithParamInterface<std::uint16_t> {};

TEST_P(Id, IsEchoedOverUdp) { Ask(WithId(WithFlags(0), GetParam())); }
TEST_P(Id, IsEchoedOverTcp) { AskTcp(WithId(WithFlags(0), GetParam())); }

INSTANTIATE_TEST_SUITE_P(Rfc1035Section4_1_1, Id, testing::Values(0, 1, 0x1234, 0x8000, 0xffff),
                         testing::PrintToStringParamName());

// --- flags of a query ---

struct FlagsRow {
  const char* name;
  std::uint16_t sent;
  std::uint16_t expected;
};
class Flags : public ConformanceTest, public testing::WithParamInterface<FlagsRow> {};

TEST_P(Flags, AreAnsweredWith) {
  const Answer answer = Ask(WithFlags(GetParam().sent));
  EXPECT_EQ(answer.flags, GetParam().expected);
  EXPECT_EQ(answer.answers.size(), 2u);
}
TEST_P(Flags, AreAnsweredOverTcpWith) {
  EXPECT_EQ(AskTcp(WithFlags(GetParam().sent)).flags, GetParam().expected);
}

const auto kRowName = [](const auto& row) { return std::string(row.param.name); };

INSTANTIATE_TEST_SUITE_P(Rfc1035Section4_1_1, Flags,
                         testing::Values(FlagsRow{"None", 0, kQr | kAa},
                                         FlagsRow{"RecursionDesired", kRd, kQr | kAa | kRd},
                                         FlagsRow{"AuthoritativeMeansNothing", kAa, kQr | kAa},
                                         FlagsRow{"TruncatedMeansNothing", kTc, kQr | kAa},
                                         FlagsRow{"RecursionAvailableMeansNothing", kRa, kQr | kAa},
                                         FlagsRow{"ZIsIgnoredAndZero", kZ, kQr | kAa},
                                         FlagsRow{"ARcodeMeansNothing", 0x000f, kQr | kAa},
                                         FlagsRow{"AllAtOnce", kRd | kAa | kTc | kRa | kZ | 0xf,
                                                  kQr | kAa | kRd}),
                         kRowName);
INSTANTIATE_TEST_SUITE_P(Rfc4035Section3_1_6, Flags,
                         testing::Values(FlagsRow{"AuthenticDataIsClear", kAd, kQr | kAa},
                                         FlagsRow{"CheckingDisabledIsClear", kCd, kQr | kAa}),
                         kRowName);

// --- authority ---

class Rfc1035Section4_1_1 : public ConformanceTest {};

TEST_F(Rfc1035Section4_1_1, AaIsSetForOurData) {
  EXPECT_TRUE(Ask("www.conf.test", RrType::kA).aa());
}
TEST_F(Rfc1035Section4_1_1, AaIsSetForANameThatDoesNotExist) {
  EXPECT_TRUE(Ask("missing.conf.test", RrType::kA).aa());
}
TEST_F(Rfc1035Section4_1_1, AaIsSetForNoData) {
  EXPECT_TRUE(Ask("www.conf.test", RrType::kMx).aa());
}
TEST_F(Rfc1035Section4_1_1, AaIsSetForAnAliasOfOursThatLeadsAway) {
  EXPECT_TRUE(Ask("away.conf.test", RrType::kA).aa());
}
TEST_F(Rfc1035Section4_1_1, AaIsClearInAReferral) {
  EXPECT_FALSE(Ask("host.sub.conf.test", RrType::kA).aa());
}
TEST_F(Rfc1035Section4_1_1, AaIsClearOutsideOfOurZones) {
  const Answer answer = Ask("www.example.org", RrType::kA);
  EXPECT_FALSE(answer.aa());
  EXPECT_EQ(answer.rcode, 5);
}
TEST_F(Rfc1035Section4_1_1, RaIsClearEvenWhenRecursionIsDesired) {
  EXPECT_FALSE(Ask("www.example.org", RrType::kA).ra());
}
TEST_F(Rfc1035Section4_1_1, RdIsRepeatedInARefusal) {
  EXPECT_TRUE(Ask("www.example.org", RrType::kA).rd());
}
TEST_F(Rfc1035Section4_1_1, RefusalsRepeatTheQuestion) {
  EXPECT_EQ(*Ask("www.example.org", RrType::kA).question, N("www.example.org"));
}
TEST_F(Rfc1035Section4_1_1, TheRootIsNotOurs) { EXPECT_EQ(Ask(".", RrType::kNs).rcode, 5); }
TEST_F(Rfc1035Section4_1_1, TheParentIsNotOurs) { EXPECT_EQ(Ask("test", RrType::kNs).rcode, 5); }

// --- opcodes ---

class OtherOpcode : public ConformanceTest, public testing::WithParamInterface<int> {
 protected:
  static Packet Query(int opcode) {
    return Message()
        .Header(static_cast<std::uint16_t>(opcode << 11 | kRd), {.additionals = 1})
        .Question("conf.test", RrType::kSoa)
        .Opt({})
        .bytes();
  }
};

TEST_P(OtherOpcode, IsNotImplemented) {
  const Answer answer = Ask(Query(GetParam()));
  EXPECT_EQ(answer.rcode, 4);
  EXPECT_EQ(answer.flags >> 11 & 0xf, GetParam());
  EXPECT_FALSE(answer.aa());
}
TEST_P(OtherOpcode, IsNotImplementedOverTcp) { EXPECT_EQ(AskTcp(Query(GetParam())).rcode, 4); }

INSTANTIATE_TEST_SUITE_P(Rfc1035Section4_1_1, OtherOpcode, testing::Range(1, 16),
                         testing::PrintToStringParamName());

class Rfc8914Section4_22 : public ConformanceTest {
 protected:
  // The code of the extended error, and its text.
  static std::string Error(const Answer& answer) {
    if (!answer.opt || answer.opt->rdata.size() < 6) return {};
    const Packet& rdata = answer.opt->rdata;
    return std::to_string(rdata[4] << 8 | rdata[5]) + " " +
           std::string(rdata.begin() + 6, rdata.end());
  }
  static Packet Operation(Opcode opcode, RrType type) {
    return Message()
        .Header(static_cast<std::uint16_t>(static_cast<int>(opcode) << 11), {.additionals = 1})
        .Question("conf.test", type)
        .Opt({})
        .bytes();
  }
};

TEST_F(Rfc8914Section4_22, UpdateIsToldWhy) {
  const Answer answer = Ask(Operation(Opcode::kUpdate, RrType::kSoa));
  EXPECT_EQ(answer.rcode, 4);
  EXPECT_EQ(Error(answer).substr(0, 22), "21 no dynamic updates:");
}
TEST_F(Rfc8914Section4_22, NotifyIsToldWhy) {
  const Answer answer = Ask(Operation(Opcode::kNotify, RrType::kSoa));
  EXPECT_EQ(answer.rcode, 4);
  EXPECT_EQ(Error(answer).substr(0, 20), "21 no notifications:");
}
TEST_F(Rfc8914Section4_22, WithoutEdnsThereIsNoExtendedError) {
  const Answer answer = Ask(Message()
                                .Header(static_cast<int>(Opcode::kUpdate) << 11, {})
                                .Question("conf.test", RrType::kSoa)
                                .bytes());
  EXPECT_EQ(answer.rcode, 4);
  EXPECT_FALSE(answer.opt.has_value());
}

class OpcodeForm : public ConformanceTest {};

// RFC 8490 section 5.4: no counts, and data of another form behind the header.
TEST_F(OpcodeForm, AStatefulMessageIsNotImplemented) {
  const Packet keepalive =
      Message().Header(6 << 11, {.questions = 0}).Be16(1).Be16(8).Be32(15'000).Be32(15'000).bytes();
  EXPECT_EQ(AskTcp(keepalive).rcode, 4);
}
TEST_F(OpcodeForm, AnUnknownOneWithoutAQuestionIsNotImplemented) {
  EXPECT_EQ(Ask(Message().Header(9 << 11, {.questions = 0}).bytes()).rcode, 4);
}
TEST_F(OpcodeForm, AnUnknownOneWithGarbageIsNotImplemented) {
  EXPECT_EQ(Ask(Message().Header(9 << 11, {.questions = 7}).Raw({0xff, 0xff}).bytes()).rcode, 4);
}

// --- responses are not answered ---

class Response : public ConformanceTest, public testing::WithParamInterface<FlagsRow> {};

TEST_P(Response, IsNotAnswered) { ExpectSilence(WithFlags(GetParam().sent)); }
TEST_P(Response, IsNotAnsweredOverTcp) { ExpectTcpSilence(WithFlags(GetParam().sent)); }

INSTANTIATE_TEST_SUITE_P(Rfc1035Section4_1_1, Response,
                         testing::Values(FlagsRow{"OfAQuery", kQr, 0},
                                         FlagsRow{"Authoritative", kQr | kAa, 0},
                                         FlagsRow{"Refused", kQr | 5, 0},
                                         FlagsRow{"OfAnUnknownOpcode", kQr | 9 << 11, 0},
                                         FlagsRow{"FormErr", kQr | 1, 0}),
                         kRowName);

class Silence : public ConformanceTest {};

TEST_F(Silence, AResponseIsCounted) {
  if (!IsOurs()) GTEST_SKIP() << "the counters of another server cannot be seen";
  ExpectSilence(WithFlags(kQr));
  EXPECT_EQ(DroppedFor(DropReason::kResponse), 1u);
}
TEST_F(Silence, AMalformedResponseIsNotAnswered) {
  ExpectSilence(Message().Header(kQr, {.questions = 3}).bytes());
}

// --- several questions, or none ---

struct QuestionsRow {
  const char* name;
  Packet packet;
};
class QuestionCount : public ConformanceTest, public testing::WithParamInterface<QuestionsRow> {};

TEST_P(QuestionCount, IsFormErr) {
  const Answer answer = Ask(GetParam().packet);
  EXPECT_EQ(answer.rcode, 1);
  EXPECT_TRUE(answer.answers.empty());
  ExpectRejected(RejectReason::kQuestionCount);
}
TEST_P(QuestionCount, IsFormErrOverTcp) { EXPECT_EQ(AskTcp(GetParam().packet).rcode, 1); }

INSTANTIATE_TEST_SUITE_P(
    Rfc9619Section4, QuestionCount,
    testing::Values(QuestionsRow{"None", Message().Header(0, {.questions = 0}).bytes()},
                    QuestionsRow{
                        "NoneWithEdns",
                        Message().Header(0, {.questions = 0, .additionals = 1}).Opt({}).bytes()},
                    QuestionsRow{"Two", Message()
                                            .Header(0, {.questions = 2})
                                            .Question("www.conf.test", RrType::kA)
                                            .Question("www.conf.test", RrType::kAaaa)
                                            .bytes()},
                    QuestionsRow{"TwoTheSame", Message()
                                                   .Header(0, {.questions = 2})
                                                   .Question("www.conf.test", RrType::kA)
                                                   .Question("www.conf.test", RrType::kA)
                                                   .bytes()},
                    QuestionsRow{"MoreThanThereAre", Message()
                                                         .Header(0, {.questions = 0xffff})
                                                         .Question("www.conf.test", RrType::kA)
                                                         .bytes()}),
    kRowName);

}  // namespace
}  // namespace summon::dns::test
