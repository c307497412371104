// SPDX-License-Identifier: Apache-2.0
// What counts as the reply to a question, and what is seen in it.
#include "dns/forward/reply.h"

#include <gtest/gtest.h>

#include "dns/forward/question.h"
#include "tests/dns/forward/replies.h"

namespace summon::dns::forward {
namespace {

using test::A;
using test::Asked;
using test::Cname;
using test::Packet;
using test::ReplyTo;
using test::SoaOf;

constexpr RrType kA = RrType::kA;

Forgery ForgeryOf(const Packet& message, const Expected& expected) {
  const ReplyVerdict verdict = ParseReply(message, expected);
  EXPECT_TRUE(std::holds_alternative<Forgery>(verdict));
  return std::get<Forgery>(verdict);
}
Reply ReplyOf(const Packet& message, const Expected& expected) {
  const ReplyVerdict verdict = ParseReply(message, expected);
  EXPECT_TRUE(std::holds_alternative<Reply>(verdict))
      << ForgeryText(std::get<Forgery>(verdict));
  return std::get<Reply>(verdict);
}

TEST(ParseReply, TakesTheReplyToTheQuestion) {
  const Packet message =
      ReplyTo("www.example", kA, {.answers = {A("www.example", {192, 0, 2, 1}, 60)}});
  const Reply reply = ReplyOf(message, Asked("www.example", kA));
  EXPECT_EQ(reply.rcode, Rcode::kNoError);
  EXPECT_EQ(reply.answers, 1);
  EXPECT_FALSE(reply.negative);
  EXPECT_EQ(reply.ttl, 60u);
  EXPECT_EQ(reply.records_end, message.size());
}

TEST(ParseReply, RefusesAnotherId) {
  Expected expected = Asked("www.example", kA);
  expected.id = 1;
  EXPECT_EQ(ForgeryOf(ReplyTo("www.example", kA, {}), expected), Forgery::kWrongId);
}

TEST(ParseReply, RefusesAnotherNameAndAnotherType) {
  const Packet message = ReplyTo("www.example", kA, {});
  EXPECT_EQ(ForgeryOf(message, Asked("ww.example", kA)), Forgery::kWrongQuestion);
  EXPECT_EQ(ForgeryOf(message, Asked("www.example", RrType::kAaaa)), Forgery::kWrongQuestion);
}

TEST(ParseReply, RefusesOtherLettersThanWereAskedFor) {
  const Packet message = ReplyTo("www.example", kA, {});
  Expected expected = Asked("wWw.eXample", kA);
  EXPECT_EQ(ForgeryOf(message, expected), Forgery::kWrongCase);
  expected.exact_case = false;
  EXPECT_EQ(ReplyOf(message, expected).answers, 0);
}

TEST(ParseReply, RefusesQueriesAndOtherOpcodes) {
  EXPECT_EQ(ForgeryOf(ReplyTo("a.example", kA, {}, 0x0100), Asked("a.example", kA)),
            Forgery::kNotResponse);
  EXPECT_EQ(ForgeryOf(ReplyTo("a.example", kA, {}, 0xa180), Asked("a.example", kA)),
            Forgery::kNotResponse);
}

TEST(ParseReply, RefusesWhatEndsTooEarlyOrTooLate) {
  Packet message = ReplyTo("a.example", kA, {.answers = {A("a.example", {192, 0, 2, 1})}});
  message.push_back(0);
  EXPECT_EQ(ForgeryOf(message, Asked("a.example", kA)), Forgery::kMalformed);
  message.resize(message.size() - 2);
  EXPECT_EQ(ForgeryOf(message, Asked("a.example", kA)), Forgery::kMalformed);
  message.resize(kHeaderSize - 1);
  EXPECT_EQ(ForgeryOf(message, Asked("a.example", kA)), Forgery::kMalformed);
}

// Two octets of a TTL and nothing more: they are no length of an empty record.
TEST(ParseReply, RefusesARecordThatEndsInsideItsTtl) {
  const Packet message = test::Message()
                             .Header(test::kReplyFlags, {.questions = 1, .answers = 1})
                             .Question("a.example", kA)
                             .Raw({0xc0, 12, 0, 1, 0, 1, 0, 0})
                             .bytes();
  EXPECT_EQ(ForgeryOf(message, Asked("a.example", kA)), Forgery::kMalformed);
}

TEST(ParseReply, RefusesDataThatIsNotOfItsType) {
  EXPECT_EQ(ForgeryOf(ReplyTo("a.example", kA, {.answers = {A("a.example", {192, 0, 2})}}),
                      Asked("a.example", kA)),
            Forgery::kMalformed);
  const test::Rr bad{"a.example", RrType::kCname, 300, {0xc0, 0xff}};  // leads forward
  EXPECT_EQ(ForgeryOf(ReplyTo("a.example", kA, {.answers = {bad}}), Asked("a.example", kA)),
            Forgery::kMalformed);
}

// RFC 2181 section 5.4.1: what was not asked for is not believed.
TEST(ParseReply, RefusesAnswersAboutNamesThatTheQuestionDoesNotLeadTo) {
  const Packet message = ReplyTo("a.example", kA,
                                 {.answers = {A("a.example", {192, 0, 2, 1}),
                                              A("bank.example", {192, 0, 2, 66})}});
  EXPECT_EQ(ForgeryOf(message, Asked("a.example", kA)), Forgery::kOffTopic);
}

TEST(ParseReply, RefusesAuthorityOverAnotherZone) {
  const Packet message = ReplyTo("a.example", kA, {.authorities = {SoaOf("bank.test", 60, 60)}},
                                 test::kNxDomainFlags);
  EXPECT_EQ(ForgeryOf(message, Asked("a.example", kA)), Forgery::kOffTopic);
}

TEST(ParseReply, NeverKeepsAdditionalRecords) {
  const Packet without = ReplyTo("a.example", kA, {.answers = {A("a.example", {192, 0, 2, 1})}});
  const Packet with = ReplyTo("a.example", kA,
                              {.answers = {A("a.example", {192, 0, 2, 1})},
                               .additionals = {A("bank.example", {192, 0, 2, 66})}});
  EXPECT_EQ(ReplyOf(with, Asked("a.example", kA)).records_end, without.size());
}

TEST(ParseReply, FollowsAliasesInAnyOrder) {
  const Packet message = ReplyTo("a.example", kA,
                                 {.answers = {A("c.example", {192, 0, 2, 1}, 9),
                                              Cname("b.example", "c.example", 50),
                                              Cname("a.example", "b.example", 70)}});
  const Reply reply = ReplyOf(message, Asked("a.example", kA));
  EXPECT_FALSE(reply.negative);
  EXPECT_EQ(reply.ttl, 9u);
}

TEST(ParseReply, RefusesMoreAliasesThanAnybodyNeeds) {
  test::Sections sections;
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= kAliasesMax + 1; ++i) names.push_back("n" + std::to_string(i));
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    sections.answers.push_back(Cname(names[i], names[i + 1]));
  }
  EXPECT_EQ(ForgeryOf(ReplyTo("n0", kA, sections), Asked("n0", kA)), Forgery::kMalformed);
}

// RFC 2308 section 5.
TEST(ParseReply, NegativeAnswersLastAsLongAsSoaSays) {
  const Packet message =
      ReplyTo("no.example", kA, {.authorities = {SoaOf("example", 900, 30)}}, test::kNxDomainFlags);
  const Reply reply = ReplyOf(message, Asked("no.example", kA));
  EXPECT_TRUE(reply.negative);
  EXPECT_EQ(reply.rcode, Rcode::kNxDomain);
  EXPECT_EQ(reply.ttl, 30u);
}

TEST(ParseReply, NegativeAnswersWithoutSoaAreNotKept) {
  const Reply reply = ReplyOf(ReplyTo("a.example", kA, {}), Asked("a.example", kA));
  EXPECT_TRUE(reply.negative);
  EXPECT_EQ(reply.ttl, std::nullopt);
}

TEST(ParseReply, AnAliasThatLeadsToNothingIsNegative) {
  const Packet message = ReplyTo("a.example", kA,
                                 {.answers = {Cname("a.example", "b.example", 20)},
                                  .authorities = {SoaOf("example", 900, 40)}});
  const Reply reply = ReplyOf(message, Asked("a.example", kA));
  EXPECT_TRUE(reply.negative);
  EXPECT_EQ(reply.ttl, 20u);
}

// RFC 2181 section 8: a TTL with the highest bit set means 0.
TEST(ParseReply, ATtlThatIsTooLongIsNone) {
  const Packet message =
      ReplyTo("a.example", kA, {.answers = {A("a.example", {192, 0, 2, 1}, 0x8000'0000)}});
  EXPECT_EQ(ReplyOf(message, Asked("a.example", kA)).ttl, 0u);
}

TEST(ParseReply, ATruncatedReplyIsGoodForNothingButTcp) {
  Packet message =
      ReplyTo("a.example", kA, {.answers = {A("a.example", {192, 0, 2, 1})}}, 0x8380);
  message.resize(message.size() - 3);  // cut in the middle of a record, as some do
  const Reply reply = ReplyOf(message, Asked("a.example", kA));
  EXPECT_TRUE(reply.truncated);
  EXPECT_EQ(reply.answers, 0);
  EXPECT_EQ(reply.ttl, std::nullopt);
}

TEST(ParseReply, ReadsExtendedErrorAndUpperRcodeOfOpt) {
  test::Message message;
  message.Header(0x8182, {.questions = 1, .additionals = 1})
      .Question("a.example", kA)
      .Raw({0, 0, 41, 4, 0xd0, 1, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 6});
  const Reply reply = ReplyOf(message.bytes(), Asked("a.example", kA));
  EXPECT_EQ(reply.extended_error, 6);
  EXPECT_EQ(static_cast<int>(reply.rcode), 18);
  EXPECT_TRUE(reply.has_edns);
}

TEST(ParseReply, SeesAddressesThatAreNotPublic) {
  const auto leads = [](const test::Rr& record, RrType type) {
    return ReplyOf(ReplyTo("a.example", type, {.answers = {record}}), Asked("a.example", type))
        .private_address;
  };
  EXPECT_TRUE(leads(A("a.example", {192, 168, 0, 1}), kA));
  EXPECT_FALSE(leads(A("a.example", {192, 0, 2, 1}), kA));
  const Packet mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  EXPECT_TRUE(leads({"a.example", RrType::kAaaa, 300, mapped}, RrType::kAaaa));
  const Packet hint = {0, 1, 0, 0, 4, 0, 4, 127, 0, 0, 1};  // priority, ".", ipv4hint
  EXPECT_TRUE(leads({"a.example", RrType::kHttps, 300, hint}, RrType::kHttps));
}

TEST(IsPrivateAddress, KnowsTheRangesOfBothFamilies) {
  const auto is_private = [](const Packet& address) { return IsPrivateAddress(address); };
  EXPECT_TRUE(is_private({172, 31, 0, 1}));
  EXPECT_FALSE(is_private({172, 32, 0, 1}));
  EXPECT_TRUE(is_private({100, 64, 0, 1}));
  EXPECT_FALSE(is_private({100, 128, 0, 1}));
  EXPECT_TRUE(is_private({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(is_private({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(is_private({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(is_private({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1}));
  EXPECT_FALSE(is_private({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(ForEachTtl, FindsTheTtlOfEveryRecordThatIsKept) {
  const Packet message = ReplyTo("a.example", kA,
                                 {.answers = {Cname("a.example", "b.example", 11),
                                              A("b.example", {192, 0, 2, 1}, 22)},
                                  .authorities = {SoaOf("example", 33, 40)},
                                  .additionals = {A("c.example", {192, 0, 2, 2}, 44)}});
  const Reply reply = ReplyOf(message, Asked("a.example", kA));
  std::vector<int> ttls;
  ForEachTtl(message, reply, [&](std::size_t at) { ttls.push_back(message[at + 3]); });
  EXPECT_EQ(ttls, (std::vector<int>{11, 22, 33}));
}

TEST(MixCase, ChangesLettersOnlyAndByTheBitsGiven) {
  CaseBits bits{};
  bits.fill(0xff);
  Name name = test::N("a1-b.example");
  Packet wire(name.wire().begin(), name.wire().end());
  MixCase(wire, bits);
  EXPECT_TRUE(SameOctets(*Name::FromWire(wire), test::N("A1-B.EXAMPLE")));
  EXPECT_EQ(LetterCount(name), 9u);
}

TEST(QuestionKey, DiffersByWhatChangesTheAnswer) {
  Question plain;
  plain.name = test::N("a.example");
  plain.type = kA;
  Question dnssec = plain;
  dnssec.dnssec_ok = true;
  Question unchecked = plain;
  unchecked.checking_disabled = true;
  Question upper = plain;
  upper.name = test::N("A.EXAMPLE");
  EXPECT_NE(plain.Key(), dnssec.Key());
  EXPECT_NE(plain.Key(), unchecked.Key());
  EXPECT_EQ(plain.Key(), upper.Key());
}

}  // namespace
}  // namespace summon::dns::forward
