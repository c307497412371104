// SPDX-License-Identifier: Apache-2.0
// The parser: what is a query, what is answered with an error, what is not answered at all.
#include "dns/message.h"

#include <gtest/gtest.h>

#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::EdnsQuery;
using test::FromClient;
using test::Message;
using test::Packet;
using test::PlainQuery;

Verdict Parse(const Packet& packet) { return ParseQuery(packet, FromClient(Transport::kUdp)); }

// The RCODE of a rejection; nothing for a query or a drop.
std::optional<Rcode> RejectedWith(const Packet& packet) {
  const Verdict verdict = Parse(packet);
  const auto* rejection = std::get_if<Rejection>(&verdict);
  return rejection ? std::optional(rejection->rcode) : std::nullopt;
}
std::optional<DropReason> DroppedFor(const Packet& packet) {
  const Verdict verdict = Parse(packet);
  const auto* dropped = std::get_if<Dropped>(&verdict);
  return dropped ? std::optional(dropped->reason) : std::nullopt;
}

TEST(ParseQuery, ReadsAPlainQuery) {
  const Verdict verdict = Parse(PlainQuery("HeLLo.summon.test", RrType::kA));
  const auto* query = std::get_if<Query>(&verdict);
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->name.ToText(), "HeLLo.summon.test.");
  EXPECT_EQ(query->type, RrType::kA);
  EXPECT_EQ(query->rr_class, RrClass::kIn);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_FALSE(query->edns.has_value());
  EXPECT_EQ(query->client.port, 40'000);
  EXPECT_EQ(ResponseLimit(*query), 512u);
}

TEST(ParseQuery, ReadsEdns) {
  const Verdict verdict =
      Parse(EdnsQuery("a.test", RrType::kAaaa, {.size = 4096, .dnssec_ok = true}));
  const auto* query = std::get_if<Query>(&verdict);
  ASSERT_NE(query, nullptr);
  EXPECT_TRUE(query->dnssec_ok());
  EXPECT_EQ(query->edns->udp_size, 4096);
  EXPECT_EQ(ResponseLimit(*query), kUdpSizeDefault);
}

TEST(ParseQuery, TakesAnOfferBelow512As512) {
  const Verdict verdict = Parse(EdnsQuery("a.test", RrType::kA, {.size = 100}));
  EXPECT_EQ(ResponseLimit(std::get<Query>(verdict)), 512u);
}

TEST(ParseQuery, NeverAnswersAResponse) {
  EXPECT_EQ(DroppedFor(Message().Header(0x8180, {}).Question("a.test", RrType::kA).bytes()),
            DropReason::kResponse);
}

TEST(ParseQuery, DropsWhatHasNoHeader) {
  EXPECT_EQ(DroppedFor(Packet(11, 0)), DropReason::kTooShort);
  EXPECT_EQ(DroppedFor({}), DropReason::kTooShort);
}

TEST(ParseQuery, DropsPortsThatAnswerEverything) {
  Arrival chargen = FromClient(Transport::kUdp);
  chargen.client.port = 19;
  const Verdict verdict = ParseQuery(PlainQuery("a.test", RrType::kA), chargen);
  EXPECT_EQ(std::get<Dropped>(verdict).reason, DropReason::kSourcePort);
}

TEST(ParseQuery, OtherOpcodesAreNotImplemented) {
  const auto update = Message().Header(5 << 11, {}).Question("a.test", RrType::kSoa).bytes();
  const Verdict verdict = Parse(update);
  EXPECT_EQ(std::get<Rejection>(verdict).rcode, Rcode::kNotImp);
  EXPECT_EQ(std::get<Rejection>(verdict).opcode, 5);
}

TEST(ParseQuery, WantsExactlyOneQuestion) {
  EXPECT_EQ(RejectedWith(Message().Header(0, {.questions = 0}).bytes()), Rcode::kFormErr);
  EXPECT_EQ(RejectedWith(Message()
                             .Header(0, {.questions = 2})
                             .Question("a.test", RrType::kA)
                             .Question("b.test", RrType::kA)
                             .bytes()),
            Rcode::kFormErr);
}

TEST(ParseQuery, RefusesCountsThatLie) {
  EXPECT_EQ(RejectedWith(
                Message().Header(0, {.answers = 1}).Question("a.test", RrType::kA).bytes()),
            Rcode::kFormErr);
}

TEST(ParseQuery, RefusesOctetsAfterTheLastRecord) {
  Packet packet = PlainQuery("a.test", RrType::kA);
  packet.push_back(0);
  EXPECT_EQ(RejectedWith(packet), Rcode::kFormErr);
}

// RFC 6891 section 6.1.1.
TEST(ParseQuery, RefusesASecondOpt) {
  EXPECT_EQ(RejectedWith(Message()
                             .Header(0, {.additionals = 2})
                             .Question("a.test", RrType::kA)
                             .Opt({})
                             .Opt({})
                             .bytes()),
            Rcode::kFormErr);
}

TEST(ParseQuery, RefusesOptOutsideTheAdditionalSection) {
  EXPECT_EQ(RejectedWith(Message()
                             .Header(0, {.answers = 1})
                             .Question("a.test", RrType::kA)
                             .Opt({})
                             .bytes()),
            Rcode::kFormErr);
}

TEST(ParseQuery, RefusesOptWithAnOwner) {
  EXPECT_EQ(RejectedWith(Message()
                             .Header(0, {.additionals = 1})
                             .Question("a.test", RrType::kA)
                             .NameOf("x")
                             .Be16(41).Be16(1232).Be32(0).Be16(0)
                             .bytes()),
            Rcode::kFormErr);
}

TEST(ParseQuery, RefusesOptionsThatDoNotFillOpt) {
  EXPECT_EQ(RejectedWith(EdnsQuery("a.test", RrType::kA, {.options = {0, 10, 0, 8, 1}})),
            Rcode::kFormErr);
}

// RFC 6891 section 6.1.3: even when the options are of another form.
TEST(ParseQuery, AnswersLaterEdnsVersionsWithBadvers) {
  EXPECT_EQ(RejectedWith(EdnsQuery("a.test", RrType::kA, {.version = 1, .options = {1}})),
            Rcode::kBadVers);
}

TEST(ParseQuery, RefusesTypesThatAreNoQuestion) {
  EXPECT_EQ(RejectedWith(PlainQuery("a.test", RrType::kOpt)), Rcode::kFormErr);
  EXPECT_EQ(RejectedWith(PlainQuery("a.test", RrType::kTsig)), Rcode::kFormErr);
  EXPECT_EQ(RejectedWith(PlainQuery("a.test", RrType::kMaila)), Rcode::kNotImp);
}

// RFC 8945 section 5.2.1: we know no key.
TEST(ParseQuery, AnswersASignedQueryWithNotauth) {
  const auto packet = Message()
                          .Header(0, {.additionals = 1})
                          .Question("a.test", RrType::kA)
                          .NameOf("key").Be16(250).Be16(255).Be32(0).Be16(0)
                          .bytes();
  EXPECT_EQ(RejectedWith(packet), Rcode::kNotAuth);
}

TEST(ParseQuery, RefusesEveryPointerInTheQuestion) {
  const auto with_name = [](const Packet& name) {
    return Message().Header(0, {}).Raw(name).Be16(1).Be16(1).bytes();
  };
  EXPECT_EQ(RejectedWith(with_name({0xc0, 12})), Rcode::kFormErr);           // itself
  EXPECT_EQ(RejectedWith(with_name({0xc0, 0})), Rcode::kFormErr);            // the header
  EXPECT_EQ(RejectedWith(with_name({1, 'a', 0xc0, 12})), Rcode::kFormErr);   // a loop
  EXPECT_EQ(RejectedWith(with_name({1, 'a', 0xc0, 200})), Rcode::kFormErr);  // forward
  EXPECT_EQ(RejectedWith(with_name({0x41, 0, 0})), Rcode::kFormErr);         // binary label
}

// Two octets of a TTL and nothing more: they are no length of an empty record.
TEST(ParseQuery, RefusesARecordThatEndsInsideItsTtl) {
  const Packet packet = Message()
                            .Header(0, {.additionals = 1})
                            .Question("a.example", RrType::kA)
                            .Raw({0, 0, 1, 0, 1, 0, 0})
                            .bytes();
  EXPECT_EQ(RejectedWith(packet), Rcode::kFormErr);
}

TEST(ReadName, FollowsPointersBackward) {
  Packet packet(kHeaderSize, 0);
  packet.insert(packet.end(), {1, 'b', 1, 'c', 0, 1, 'a', 0xc0, 12, 0xff});
  ByteReader reader(packet);
  ASSERT_TRUE(reader.Seek(17));
  EXPECT_EQ(ReadName(reader), test::N("a.b.c"));
  EXPECT_EQ(reader.position(), 21u);
}

TEST(ReadName, RefusesPointersForwardAndIntoTheirOwnRun) {
  Packet packet(kHeaderSize, 0);
  packet.insert(packet.end(), {1, 'a', 0xc0, 12, 0xc0, 18, 1, 'b', 0});
  ByteReader loop(packet);
  ASSERT_TRUE(loop.Seek(12));
  EXPECT_EQ(ReadName(loop), std::nullopt);
  ByteReader forward(packet);
  ASSERT_TRUE(forward.Seek(16));
  EXPECT_EQ(ReadName(forward), std::nullopt);
}

}  // namespace
}  // namespace summon::dns
