// SPDX-License-Identifier: Apache-2.0
// Messages that are malformed, and some that only look so.
#include "tests/dns/conformance/harness.h"

namespace summon::dns::test {
namespace {

constexpr std::uint16_t kIn = 1;

const auto kRowName = [](const auto& row) { return std::string(row.param.name); };

// A query whose question's name is given as octets.
Packet WithName(const Packet& name) {
  return Message().Header(0, {}).Raw(name).Be16(1).Be16(kIn).bytes();
}
// `count` labels of `size` octets each, and the root.
Packet Labels(int count, std::uint8_t size) {
  Packet name;
  for (int i = 0; i < count; ++i) {
    name.push_back(size);
    name.insert(name.end(), size, 'a');
  }
  name.push_back(0);
  return name;
}
Packet Cut(Packet packet, std::size_t size) {
  packet.resize(size);
  return packet;
}
Message Start(const Message::Counts& counts) {
  return Message().Header(0, counts).Question("www.conf.test", RrType::kA);
}

struct Row {
  const char* name;
  Packet packet;
  RejectReason reason;
};

class Malformed : public ConformanceTest, public testing::WithParamInterface<Row> {};

TEST_P(Malformed, IsFormErr) {
  const Answer answer = Ask(GetParam().packet);
  EXPECT_EQ(answer.rcode, 1);
  EXPECT_TRUE(answer.answers.empty());
  EXPECT_FALSE(answer.aa());
}
TEST_P(Malformed, IsFormErrOverTcp) { EXPECT_EQ(AskTcp(GetParam().packet).rcode, 1); }
TEST_P(Malformed, IsCountedByReason) {
  if (!IsOurs()) GTEST_SKIP() << "the counters of another server cannot be seen";
  Ask(GetParam().packet);
  ExpectRejected(GetParam().reason);
}

constexpr RejectReason kQuestion = RejectReason::kQuestion;
constexpr RejectReason kRecord = RejectReason::kRecord;

INSTANTIATE_TEST_SUITE_P(
    Rfc1035Section4_1_2, Malformed,
    testing::Values(
        Row{"NoQuestionAtAll", Message().Header(0, {}).bytes(), kQuestion},
        Row{"NameWithoutEnd", Message().Header(0, {}).Raw({3, 'w', 'w', 'w'}).bytes(), kQuestion},
        Row{"LabelCutShort", Message().Header(0, {}).Raw({9, 'w', 'w', 'w'}).bytes(), kQuestion},
        Row{"NoType", Message().Header(0, {}).NameOf("www.conf.test").bytes(), kQuestion},
        Row{"HalfAType", Message().Header(0, {}).NameOf("www.conf.test").Raw({0}).bytes(),
            kQuestion},
        Row{"NoClass", Message().Header(0, {}).NameOf("www.conf.test").Be16(1).bytes(), kQuestion},
        Row{"HalfAClass", Message().Header(0, {}).NameOf("www.conf.test").Be16(1).Raw({0}).bytes(),
            kQuestion}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(Rfc1035Section2_3_4, Malformed,
                         testing::Values(Row{"NameOf256Octets", WithName(Labels(5, 50)), kQuestion},
                                         Row{"NameOf400Octets", WithName(Labels(8, 49)), kQuestion},
                                         Row{"NameOf128Labels", WithName(Labels(128, 1)),
                                             kQuestion}),
                         kRowName);

INSTANTIATE_TEST_SUITE_P(
    Rfc1035Section4_1_4, Malformed,
    testing::Values(
        Row{"PointerToItself", WithName({0xc0, 12}), kQuestion},
        Row{"PointerIntoTheHeader", WithName({0xc0, 0}), kQuestion},
        Row{"PointerForward", WithName({0xc0, 14}), kQuestion},
        Row{"PointerBeyondTheEnd", WithName({0xff, 0xff}), kQuestion},
        Row{"PointerLoop", WithName({1, 'a', 0xc0, 12}), kQuestion},
        Row{"HalfAPointer", Message().Header(0, {}).Raw({0xc0}).bytes(), kQuestion},
        Row{"PointerLoopInARecord",
            Start({.additionals = 1}).Raw({0xc0, 31}).Be16(1).Be16(1).Be32(0).Be16(0).bytes(),
            kRecord},
        Row{"PointerForwardInARecord",
            Start({.additionals = 1}).Raw({0xc0, 40}).Be16(1).Be16(1).Be32(0).Be16(0).bytes(),
            kRecord}),
    kRowName);

// RFC 6891 section 5: the label types 01 (and the binary labels in it) and 10 are not in use.
INSTANTIATE_TEST_SUITE_P(
    Rfc6891Section5, Malformed,
    testing::Values(Row{"BinaryLabel", WithName({0x41, 8, 0xff, 0}), kQuestion},
                    Row{"ExtendedLabel", WithName({0x40, 0, 0}), kQuestion},
                    Row{"ReservedLabel", WithName({0x80, 0, 0}), kQuestion},
                    Row{"LabelOf64Octets", WithName(Labels(1, 64)), kQuestion}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Rfc1035Section4_1_3, Malformed,
    testing::Values(
        Row{"AnswerCountLies", Start({.answers = 1}).bytes(), kRecord},
        Row{"AuthorityCountLies", Start({.authorities = 1}).bytes(), kRecord},
        Row{"AdditionalCountLies", Start({.additionals = 1}).bytes(), kRecord},
        Row{"AllCountsLie",
            Start({.answers = 0xffff, .authorities = 0xffff, .additionals = 0xffff}).bytes(),
            kRecord},
        Row{"RecordWithoutData", Start({.additionals = 1}).Raw({0}).Be16(1).Be16(1).Be32(0).bytes(),
            kRecord},
        Row{"DataLongerThanTheMessage",
            Start({.additionals = 1}).Raw({0}).Be16(1).Be16(1).Be32(0).Be16(4).Raw({1, 2}).bytes(),
            kRecord},
        Row{"OneOctetTooMany", Start({}).Raw({0}).bytes(), RejectReason::kTrailing},
        Row{"AnotherQueryBehind", Start({}).Raw(PlainQuery("www.conf.test", RrType::kA)).bytes(),
            RejectReason::kTrailing},
        Row{"RecordThatIsNotCounted", Start({}).Opt({}).bytes(), RejectReason::kTrailing}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Rfc8945Section5_1, Malformed,
    testing::Values(
        Row{"TsigThatIsNotLast",
            Start({.additionals = 2}).Raw({0}).Be16(250).Be16(255).Be32(0).Be16(0).Opt({}).bytes(),
            RejectReason::kTsigPlace},
        Row{"TsigInTheAnswerSection",
            Start({.answers = 1}).Raw({0}).Be16(250).Be16(255).Be32(0).Be16(0).bytes(),
            RejectReason::kTsigPlace}),
    kRowName);

INSTANTIATE_TEST_SUITE_P(
    Rfc6895Section3_1, Malformed,
    testing::Values(Row{"QuestionForOpt",
                        Message().Header(0, {}).Question("conf.test", RrType::kOpt).bytes(),
                        RejectReason::kQuestionType},
                    Row{"QuestionForTsig",
                        Message().Header(0, {}).Question("conf.test", RrType::kTsig).bytes(),
                        RejectReason::kQuestionType}),
    kRowName);

// RFC 9824 section 3.5: NXNAME stands in proofs only.
INSTANTIATE_TEST_SUITE_P(Rfc9824Section3_5, Malformed,
                         testing::Values(Row{
                             "QuestionForNxname",
                             Message().Header(0, {}).Question("conf.test", RrType::kNxName).bytes(),
                             RejectReason::kQuestionType}),
                         kRowName);

// --- no header, no answer ---

class Fragment : public ConformanceTest, public testing::WithParamInterface<int> {};

TEST_P(Fragment, OfAHeaderIsNotAnswered) {
  ExpectSilence(Cut(PlainQuery("www.conf.test", RrType::kA), static_cast<std::size_t>(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Rfc1035Section4_1, Fragment, testing::Range(0, 12),
                         testing::PrintToStringParamName());

class Fragments : public ConformanceTest {};

TEST_F(Fragments, AreCounted) {
  if (!IsOurs()) GTEST_SKIP() << "the counters of another server cannot be seen";
  ExpectSilence({1, 2, 3});
  EXPECT_EQ(DroppedFor(DropReason::kTooShort), 1u);
}
TEST_F(Fragments, OfTheQuestionAreFormErrWithTheirId) {
  const Packet whole = PlainQuery("www.conf.test", RrType::kA);
  for (std::size_t size = kHeaderSize; size < whole.size(); ++size) {
    EXPECT_EQ(Ask(Cut(whole, size)).rcode, 1) << size;
  }
}
TEST_F(Fragments, DoNotRepeatWhatCouldNotBeRead) {
  EXPECT_FALSE(Ask(Cut(PlainQuery("www.conf.test", RrType::kA), 20)).question.has_value());
}

// --- what looks odd and is right ---

struct GoodRow {
  const char* name;
  Packet packet;
  int rcode;
};
class WellFormed : public ConformanceTest, public testing::WithParamInterface<GoodRow> {};

TEST_P(WellFormed, IsAnswered) {
  const Answer answer = Ask(GetParam().packet);
  EXPECT_EQ(answer.rcode, GetParam().rcode);
  // The question comes back octet by octet.
  const Packet& sent = GetParam().packet;
  ASSERT_TRUE(answer.question.has_value());
  EXPECT_TRUE(std::equal(answer.question_octets.begin(), answer.question_octets.end(),
                         sent.begin() + kHeaderSize));
}

INSTANTIATE_TEST_SUITE_P(Rfc1035Section2_3_4, WellFormed,
                         testing::Values(GoodRow{"LabelOf63Octets", WithName(Labels(1, 63)), 5},
                                         GoodRow{"NameOf255Octets", WithName(Labels(127, 1)), 5},
                                         GoodRow{"TheRoot", WithName({0}), 5}),
                         kRowName);

// RFC 2181 section 11: any octets may be in a label.
Packet Under(const Packet& label) {
  Packet name = {static_cast<std::uint8_t>(label.size())};
  name.insert(name.end(), label.begin(), label.end());
  const Name zone = N("conf.test");
  name.insert(name.end(), zone.wire().begin(), zone.wire().end());
  return WithName(name);
}
INSTANTIATE_TEST_SUITE_P(Rfc2181Section11, WellFormed,
                         testing::Values(GoodRow{"ZeroInALabel", Under({0, 0, 0}), 3},
                                         GoodRow{"HighOctets", Under({0xff, 0xfe, 0x80}), 3},
                                         GoodRow{"ADotInALabel", Under({'w', '.', 'w'}), 3},
                                         GoodRow{"Spaces", Under({' ', ' '}), 3},
                                         GoodRow{"Underscores", Under({'_', 'x'}), 3},
                                         GoodRow{"AnAsterisk", Under({'*'}), 3}),
                         kRowName);

// RFC 4343, and draft-vixie-dnsext-dns0x20: letters come back in the case that they had.
INSTANTIATE_TEST_SUITE_P(
    Rfc4343Section4_1, WellFormed,
    testing::Values(GoodRow{"UpperCase", PlainQuery("WWW.CONF.TEST", RrType::kA), 0},
                    GoodRow{"MixedCase", PlainQuery("wWw.cOnF.tEsT", RrType::kA), 0},
                    GoodRow{"MixedCaseOfNothing", PlainQuery("nOtHiNg.CoNf.TeSt", RrType::kA), 3},
                    GoodRow{"MixedCaseOfAWildcard", PlainQuery("AnY.wIlD.conf.TEST", RrType::kA),
                            0},
                    GoodRow{"StoredInMixedCase", PlainQuery("mixed.conf.test", RrType::kA), 0},
                    GoodRow{"MixedCaseElsewhere", PlainQuery("wWw.ExAmPlE.oRg", RrType::kA), 5}),
    kRowName);

// Records in a query that has no use for them.
Message& Put(Message& message, const Packet& owner) {
  return message.Raw(owner).Be16(1).Be16(1).Be32(60).Be16(4).Raw({192, 0, 2, 1});
}
Packet WithRecordIn(const Message::Counts& counts) {
  Message message = Start(counts);
  return Put(message, {0xc0, 12}).bytes();
}
Packet WithRecordBeforeOpt() {
  Message message = Start({.additionals = 2});
  return Put(message, {0}).Opt({}).bytes();
}
INSTANTIATE_TEST_SUITE_P(Rfc1035Section4_1, WellFormed,
                         testing::Values(GoodRow{"ARecordInTheAdditionalSection",
                                                 WithRecordIn({.additionals = 1}), 0},
                                         GoodRow{"ARecordBeforeOpt", WithRecordBeforeOpt(), 0}),
                         kRowName);

// A compressed answer points at the question's name, so the case of the owner is the question's.
class Compression : public ConformanceTest {};

TEST_F(Compression, OwnersRepeatTheQuestionsCase) {
  const Answer answer = Ask("wWw.CoNf.TeSt", RrType::kA);
  ASSERT_EQ(answer.answers.size(), 2u);
  EXPECT_EQ(answer.answers[0].owner.ToText(), "wWw.CoNf.TeSt.");
}
TEST_F(Compression, OwnersArePointers) {
  const Packet reply = AskRaw(PlainQuery("www.conf.test", RrType::kA));
  // Header, question, and two records of pointer, type, class, TTL, length and address.
  EXPECT_EQ(reply.size(), 12u + 19u + 2u * 16u);
}
TEST_F(Compression, NamesInDataOfOldTypesAreCompressed) {
  const Packet reply = AskRaw(PlainQuery("conf.test", RrType::kMx));
  EXPECT_EQ(reply.size(), 12u + 15u + 12u + 2u + 7u);
}
// RFC 3597 section 4: receivers that do not know the type could not read it.
TEST_F(Compression, NamesInDataOfNewTypesAreNot) {
  const Answer answer = Ask("_http._tcp.conf.test", RrType::kSrv);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].rdata.size(), 6u + 15u);
}
TEST_F(Compression, OpaqueDataThatLooksLikeAPointerStaysAsItIs) {
  const Answer answer = Ask("opaque.conf.test", static_cast<RrType>(65'280));
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(ToHex(answer.answers[0].rdata), "01c00c00");
}

}  // namespace
}  // namespace summon::dns::test
