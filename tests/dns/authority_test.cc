// SPDX-License-Identifier: Apache-2.0
// From a query to the answer, over the sample zones.
#include "dns/authority.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/dns/sample_zones.h"
#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::Answer;
using test::N;
using test::Packet;

class AuthorityTest : public testing::Test {
 protected:
  Query Read(const Packet& packet, Transport transport = Transport::kUdp) {
    return std::get<Query>(ParseQuery(packet, test::FromClient(transport)));
  }
  Answer Ask(const Packet& packet, Transport transport = Transport::kUdp) {
    const Response response =
        WriteAnswer(zones_.table(), Read(packet, transport), options_, space_);
    size_ = response.bytes.size();
    return test::ReadAnswer(response.bytes).value();
  }
  Answer Ask(std::string_view name, RrType type) { return Ask(test::PlainQuery(name, type)); }
  Resolution Look(std::string_view name, RrType type) {
    return Resolve(zones_.table(), Read(test::PlainQuery(name, type)));
  }

  test::SampleZones zones_;
  AnswerOptions options_;
  std::array<std::uint8_t, kTcpSpace> space_{};
  std::size_t size_ = 0;
};

TEST_F(AuthorityTest, AnswersAnAddress) {
  const Answer answer = Ask("hello.summon.test", RrType::kA);
  EXPECT_EQ(answer.id, 0x1234);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(answer.aa() && answer.rd());
  EXPECT_FALSE(answer.ra() || answer.tc());
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].rdata, (Packet{10, 77, 0, 10}));
  EXPECT_EQ(answer.answers[0].ttl, 300u);
  EXPECT_TRUE(answer.authorities.empty() && answer.additionals.empty());
}

TEST_F(AuthorityTest, RepeatsTheCaseOfTheQuestionExactly) {
  const Packet packet = test::PlainQuery("hElLo.SuMmOn.TeSt", RrType::kA);
  const Answer answer = Ask(packet);
  EXPECT_EQ(answer.question_octets, Packet(packet.begin() + kHeaderSize, packet.end()));
  EXPECT_EQ(answer.answers.at(0).owner.ToText(), "hElLo.SuMmOn.TeSt.");
}

TEST_F(AuthorityTest, TheOwnedLifetimeIsForOwnedAddressesOnly) {
  options_.owned_ttl = 5;
  EXPECT_EQ(Ask("hello.summon.test", RrType::kA).answers.at(0).ttl, 5u);
  EXPECT_EQ(Ask("ns1.summon.test", RrType::kA).answers.at(0).ttl, 300u);
}

// RFC 2308 section 2.2 and 5.
TEST_F(AuthorityTest, AMissingTypeIsNoDataWithSoa) {
  const Answer answer = Ask("hello.summon.test", RrType::kAaaa);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(answer.aa() && answer.answers.empty());
  ASSERT_EQ(answer.authorities.size(), 1u);
  EXPECT_EQ(answer.authorities[0].type, RrType::kSoa);
  EXPECT_EQ(answer.authorities[0].owner, N("summon.test"));
  EXPECT_EQ(answer.authorities[0].ttl, 10u);  // MINIMUM, below the SOA's own 300
}

TEST_F(AuthorityTest, AMissingNameIsNxdomainWithSoa) {
  const Answer answer = Ask("nobody.summon.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 3);
  EXPECT_TRUE(answer.aa());
  EXPECT_EQ(answer.authorities.at(0).type, RrType::kSoa);
}

// RFC 8020, RFC 4592 section 2.2.2.
TEST_F(AuthorityTest, AnEmptyNonTerminalExists) {
  EXPECT_EQ(Ask("empty.summon.test", RrType::kA).rcode, 0);
  EXPECT_EQ(Ask("_tcp.summon.test", RrType::kA).rcode, 0);
}

TEST_F(AuthorityTest, RefusesWhatIsNotOurs) {
  const Answer answer = Ask(test::EdnsQuery("www.example.org", RrType::kA));
  EXPECT_EQ(answer.rcode, 5);
  EXPECT_FALSE(answer.aa());
  EXPECT_EQ(answer.opt->rdata, (Packet{0, 15, 0, 2, 0, 20}));  // RFC 8914: Not Authoritative
}

TEST_F(AuthorityTest, RefusesTransfersAndOtherClasses) {
  EXPECT_EQ(Ask("summon.test", RrType::kAxfr).rcode, 5);
  EXPECT_EQ(Ask(test::Message().Header(0, {}).NameOf("version.bind").Be16(16).Be16(3).bytes())
                .rcode, 5);
}

TEST_F(AuthorityTest, FollowsAnAliasToAService) {
  const Answer answer = Ask("alias.summon.test", RrType::kA);
  ASSERT_EQ(answer.answers.size(), 2u);
  EXPECT_EQ(answer.answers[0].type, RrType::kCname);
  EXPECT_EQ(answer.answers[1].owner, N("hello.summon.test"));
  EXPECT_EQ(Look("alias.summon.test", RrType::kA).owner, test::kHello);
}

TEST_F(AuthorityTest, AnAliasOutOfOurZonesIsAllWeKnow) {
  const Answer answer = Ask("away.summon.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(answer.aa());
  EXPECT_EQ(answer.answers.size(), 1u);
}

// RFC 6604 section 3.
TEST_F(AuthorityTest, TheRcodeOfAChainIsThatOfItsEnd) {
  const Answer answer = Ask("dangling.summon.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 3);
  EXPECT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.authorities.size(), 1u);
}

TEST_F(AuthorityTest, ALoopOfAliasesEnds) {
  EXPECT_EQ(Ask("loop1.summon.test", RrType::kA).answers.size(), 2u);
}

TEST_F(AuthorityTest, AWildcardAnswersWithTheNameThatWasAsked) {
  const Answer answer = Ask("any.wild.summon.test", RrType::kA);
  EXPECT_EQ(answer.answers.at(0).owner, N("any.wild.summon.test"));
  EXPECT_EQ(Ask("a.b.wild.summon.test", RrType::kA).answers.size(), 1u);
}

// RFC 4592 section 2.2.1.
TEST_F(AuthorityTest, AWildcardDoesNotCoverANameThatExists) {
  EXPECT_TRUE(Ask("exact.wild.summon.test", RrType::kA).answers.empty());
  EXPECT_EQ(Ask("exact.wild.summon.test", RrType::kA).rcode, 0);
  EXPECT_EQ(Ask("x.exact.wild.summon.test", RrType::kA).rcode, 3);
}

TEST_F(AuthorityTest, ADelegationIsAReferralWithGlue) {
  const Answer answer = Ask("www.sub.summon.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_FALSE(answer.aa());
  EXPECT_TRUE(answer.answers.empty());
  EXPECT_EQ(answer.authorities.at(0).type, RrType::kNs);
  EXPECT_EQ(answer.authorities.at(0).owner, N("sub.summon.test"));
  EXPECT_EQ(answer.additionals.at(0).rdata, (Packet{10, 77, 0, 30}));
}

// RFC 4035 section 3.1.4.1.
TEST_F(AuthorityTest, TheParentAnswersForDsAtTheCut) {
  const Answer answer = Ask("sub.summon.test", RrType::kDs);
  EXPECT_TRUE(answer.aa());
  EXPECT_EQ(answer.authorities.at(0).owner, N("summon.test"));
  EXPECT_EQ(Ask("inner.summon.test", RrType::kDs).authorities.at(0).owner, N("summon.test"));
}

TEST_F(AuthorityTest, AZoneInsideAZoneAnswersForItself) {
  EXPECT_EQ(Ask("no.inner.summon.test", RrType::kA).authorities.at(0).owner,
            N("inner.summon.test"));
}

// RFC 8482 section 4.2.
TEST_F(AuthorityTest, AnyGetsHinfoOnly) {
  const Answer answer = Ask("hello.summon.test", RrType::kAny);
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].type, RrType::kHinfo);
  EXPECT_EQ(Ask("nobody.summon.test", RrType::kAny).rcode, 3);
}

TEST_F(AuthorityTest, TruncatesAtTheSizeOfTheAsker) {
  const Answer plain = Ask("big.summon.test", RrType::kTxt);
  EXPECT_TRUE(plain.tc() && plain.answers.empty());
  EXPECT_LE(size_, 512u);
  const Answer tcp = Ask(test::PlainQuery("big.summon.test", RrType::kTxt), Transport::kTcp);
  EXPECT_EQ(tcp.answers.size(), 40u);
  EXPECT_FALSE(tcp.tc());
}

TEST_F(AuthorityTest, EchoesEdnsAndDo) {
  const Answer answer =
      Ask(test::EdnsQuery("hello.summon.test", RrType::kA, {.dnssec_ok = true}));
  ASSERT_TRUE(answer.opt.has_value());
  EXPECT_EQ(answer.opt->rr_class, kUdpSizeDefault);
  EXPECT_EQ(answer.opt->ttl, 0x8000u);
  EXPECT_FALSE(Ask("hello.summon.test", RrType::kA).opt.has_value());
}

TEST_F(AuthorityTest, CompressesNamesInOwnersAndData) {
  const Answer answer = Ask("summon.test", RrType::kMx);
  EXPECT_EQ(answer.answers.at(0).rdata, (Packet{0, 10, 4, 'm', 'a', 'i', 'l', 0xc0, 12}));
}

// RFC 2782: no compression in SRV.
TEST_F(AuthorityTest, DoesNotCompressTheDataOfLaterTypes) {
  const Answer answer = Ask("_http._tcp.summon.test", RrType::kSrv);
  EXPECT_EQ(answer.answers.at(0).rdata, SrvRdata({0, 0, 80, N("hello.summon.test")}));
}

TEST_F(AuthorityTest, ResolvesTheOwnerForTypesThatAreNotThere) {
  const Resolution https = Look("hello.summon.test", RrType::kHttps);
  EXPECT_EQ(https.kind, Resolution::Kind::kNoData);
  EXPECT_EQ(https.owner, test::kHello);
  EXPECT_EQ(Look("ns1.summon.test", RrType::kA).owner, kStatic);
}

TEST_F(AuthorityTest, AnErrorCarriesItsReason) {
  ErrorAnswer error;
  error.extended_error = ExtendedError{EdeCode::kNotReady, "no"};
  const Query query = Read(test::EdnsQuery("hello.summon.test", RrType::kA));
  const auto answer = test::ReadAnswer(WriteError(query, error, space_).bytes);
  EXPECT_EQ(answer->rcode, 2);
  EXPECT_EQ(answer->opt->rdata, (Packet{0, 15, 0, 4, 0, 14, 'n', 'o'}));
}

TEST_F(AuthorityTest, BadversNeedsTheUpperBitsOfOpt) {
  const Verdict verdict =
      ParseQuery(test::EdnsQuery("a.test", RrType::kA, {.version = 9}),
                 test::FromClient(Transport::kUdp));
  const auto answer =
      test::ReadAnswer(WriteRejection(std::get<Rejection>(verdict), space_).bytes);
  EXPECT_EQ(answer->rcode, 16);
  EXPECT_EQ(answer->opt->ttl >> 16 & 0xff, 0u);  // our version
}

// A message with the names that may be compressed written out.
Packet Expanded(Bytes message) {
  ByteReader reader(message);
  Packet out;
  const auto put = [&out](Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); };
  put(reader.Take(kHeaderSize).value());
  put(ReadName(reader).value().wire());
  put(reader.Take(4).value());  // type and class
  while (reader.remaining() > 0) {
    put(ReadName(reader).value().wire());
    const Bytes head = reader.Take(8).value();  // type, class and TTL
    put(head);
    const std::size_t length = reader.Be16().value();
    const std::size_t end = reader.position() + length;
    const RdataShape shape = CompressibleShape(static_cast<RrType>(head[0] << 8 | head[1]));
    put(reader.Take(shape.prefix).value());
    for (std::size_t i = 0; i < shape.names; ++i) put(ReadName(reader).value().wire());
    put(reader.Take(end - reader.position()).value());
  }
  return out;
}

// For each name of the zones, and one that is not: the answer of prepared records, and the one by
// plan, which a resolution without the table's word brings.
TEST_F(AuthorityTest, PreparedAnswersAreThoseByPlan) {
  std::vector<Name> names = {N("no.summon.test"), N("x.no.inner.summon.test"),
                             N("a.wild.summon.test"), N("www.sub.summon.test")};
  zones_.table().ForEachNode([&names](const Node& node) { names.push_back(node.name()); });
  options_.owned_ttl = 7;
  std::array<std::uint8_t, kTcpSpace> space{};
  for (const Name& name : names) {
    for (const auto type : {RrType::kA, RrType::kAaaa, RrType::kTxt, RrType::kMx, RrType::kSoa,
                            RrType::kNs, RrType::kSrv, RrType::kDs, RrType::kAny}) {
      for (const bool edns : {false, true}) {
        Query query = Read(test::EdnsQuery(name.ToText(), type));
        if (!edns) query.edns.reset();
        const Resolution resolution = Resolve(zones_.table(), query);
        const Resolution by_plan{resolution.kind, resolution.owner, std::nullopt};
        const Response quick = WriteAnswer(zones_.table(), query, resolution, options_, space_);
        const Response slow = WriteAnswer(zones_.table(), query, by_plan, options_, space);
        EXPECT_EQ(Expanded(quick.bytes), Expanded(slow.bytes))
            << name.ToText() << " " << TypeText(type);
        EXPECT_EQ(quick.subject, slow.subject);
      }
    }
  }
}

TEST_F(AuthorityTest, AMissingNameIsAnsweredWithoutRoomForItsProofToo) {
  // The longest question there is, and an SOA behind it.
  std::string longest;
  while (longest.size() < 220) longest += "abcdefghi.";
  EXPECT_EQ(Ask(longest + "summon.test", RrType::kA).authorities.size(), 1u);
}

TEST(ZoneBuilder, RefusesWhatCannotBeServed) {
  ZoneTable::Builder builder(SipKey{1, 2});
  const Rdata address = AddressRdata(Ipv4Address{{1, 2, 3, 4}});
  ASSERT_TRUE(builder.AddZone(N("test"), Soa{}, 60).ok());
  EXPECT_FALSE(builder.AddZone(N("TEST"), Soa{}, 60).ok());
  EXPECT_FALSE(builder.AddRecord({N("a.example"), RrType::kA, 60, address}).ok());
  EXPECT_FALSE(builder.AddRecord({N("a.test"), RrType::kA, 60, Rdata{1, 2, 3}}).ok());
  EXPECT_TRUE(builder.AddRecord({N("a.test"), RrType::kA, 60, address}).ok());
  EXPECT_FALSE(builder.AddRecord({N("a.test"), RrType::kCname, 60, NameRdata(N("b.test"))}).ok());
  EXPECT_FALSE(builder.AddRecord({N("a.test"), RrType::kDname, 60, NameRdata(N("b.test"))}).ok());
  EXPECT_FALSE(builder.AddRecord({N("*.test"), RrType::kNs, 60, NameRdata(N("b.test"))}).ok());
  const auto built = std::move(builder).Build();
  ASSERT_FALSE(built.ok());
  EXPECT_NE(built.error().message().find("no NS"), std::string::npos);
}

}  // namespace
}  // namespace summon::dns
