// SPDX-License-Identifier: Apache-2.0
// Signed answers as a whole: each set with a signature that fits, and the right denial.
#include <gtest/gtest.h>

#include <algorithm>

#include "dns/authority.h"
#include "dns/dnssec/canonical.h"
#include "dns/dnssec/online_signer.h"
#include "tests/dns/dnssec/signed_zones.h"
#include "tests/dns/wire.h"
#include "tests/fakes/fake_clock.h"

namespace summon::dns {
namespace {

using dns::test::Answer;
using dns::test::AnswerRecord;
using dns::test::N;
using dns::test::Packet;
using dnssec::Signature;
using dnssec::ZoneKeyset;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::uint32_t kDoAndCo = 0xc000;

// Names in record data of answers may be compressed: the same data written out, for the types that
// the answers here have.
Packet WrittenOut(const AnswerRecord& record, Bytes message) {
  const RdataShape shape = CompressibleShape(record.type);
  if (shape.names == 0) return record.rdata;
  ByteReader reader(message);
  SUMMON_CHECK(reader.Seek(record.rdata_at));
  const Bytes prefix = reader.Take(shape.prefix).value();
  Packet out(prefix.begin(), prefix.end());
  for (std::size_t i = 0; i < shape.names; ++i) {
    const Name name = ReadName(reader).value();
    out.insert(out.end(), name.wire().begin(), name.wire().end());
  }
  const std::size_t end = record.rdata_at + record.rdata.size();
  const Bytes rest = reader.Take(end - reader.position()).value();
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

class SignedAnswerTest : public testing::Test {
 protected:
  Answer Ask(const Packet& packet, Transport transport = Transport::kUdp) {
    const Query query =
        std::get<Query>(ParseQuery(packet, dns::test::FromClient(transport)));
    const Response response = WriteAnswer(zones_.table(), query, options_, space_);
    message_ = response.bytes;
    return dns::test::ReadAnswer(response.bytes).value();
  }
  Answer Ask(std::string_view name, RrType type) {
    return Ask(dns::test::EdnsQuery(name, type, {.dnssec_ok = true}));
  }
  Answer AskPlain(std::string_view name, RrType type) {
    return Ask(dns::test::PlainQuery(name, type));
  }
  static Packet CompactQuery(std::string_view name, RrType type) {
    return dns::test::Message().Header(dns::test::kRd, {.additionals = 1}).Question(name, type)
        .Raw({0}).Be16(41).Be16(1232).Be32(kDoAndCo).Be16(0).bytes();
  }

  // True when the section has a signature of `type` at `owner` by the zone, and it fits.
  bool IsSigned(const std::vector<AnswerRecord>& section, std::string_view owner, RrType type,
                std::string_view apex, const ZoneKeyset& keys) {
    std::vector<Packet> data;
    const AnswerRecord* rrsig = nullptr;
    for (const AnswerRecord& record : section) {
      if (!(record.owner == N(owner))) continue;
      if (record.type == type) data.push_back(WrittenOut(record, message_));
      if (record.type != RrType::kRrsig) continue;
      if ((record.rdata[0] << 8 | record.rdata[1]) == static_cast<int>(type)) rrsig = &record;
    }
    if (!rrsig || data.empty()) return false;
    ByteReader fields{Bytes(rrsig->rdata)};
    SUMMON_CHECK(fields.Skip(4));
    const std::uint32_t original_ttl = *fields.Be32();
    const std::uint32_t expiration = *fields.Be32(), inception = *fields.Be32();
    const std::uint16_t tag = *fields.Be16();
    const Name zone = N(apex), name = N(owner);
    const std::vector<Bytes> views(data.begin(), data.end());
    const SetToSign set{.keys = keys, .apex = zone, .owner = name, .type = type,
                        .original_ttl = original_ttl, .rdatas = views};
    const RrsigRdata head = dnssec::RrsigHead(
        set, {.inception = inception, .expiration = expiration, .key_tag = tag});
    if (rrsig->rdata.size() != head.size + dnssec::kSignatureSize) return false;
    if (!std::equal(head.bytes().begin(), head.bytes().end(), rrsig->rdata.begin())) return false;
    Signature signature;
    std::copy(rrsig->rdata.begin() + static_cast<long>(head.size), rrsig->rdata.end(),
              signature.begin());
    return inception <= kNow && kNow < expiration && rrsig->ttl <= original_ttl &&
           dnssec::Verify(keys.active().dnskey(), dnssec::SignedOctets(set, head), signature);
  }
  bool IsSigned(const std::vector<AnswerRecord>& section, std::string_view owner, RrType type) {
    return IsSigned(section, owner, type, "signed.test", *zones_.keys);
  }
  static const AnswerRecord* Find(const std::vector<AnswerRecord>& section, RrType type) {
    const auto found = std::find_if(section.begin(), section.end(),
                                    [type](const auto& record) { return record.type == type; });
    return found == section.end() ? nullptr : &*found;
  }
  static bool Has(const std::vector<AnswerRecord>& section, RrType type) {
    return Find(section, type) != nullptr;
  }
  // The NSEC record has the type's bit.
  static bool Lists(const AnswerRecord& nsec, std::uint8_t type) {
    ByteReader reader{Bytes(nsec.rdata)};
    SUMMON_CHECK(reader.Skip(WireNameLength(Bytes(nsec.rdata)) + 1));
    const std::size_t size = *reader.U8();
    const Bytes bits = *reader.Take(size);
    return type / 8u < size && (bits[type / 8u] & 0x80 >> type % 8u) != 0;
  }

  dnssec::test::SignedZones zones_;
  fakes::FakeClock clock_;
  std::int64_t wall_ = kNow;
  dnssec::OnlineSigner signer_{
      clock_, {.signatures_per_s = 1000, .remembered_max = 100, .wall_nanos = [this] {
                 return wall_ * 1'000'000'000;
               }}};
  AnswerOptions options_{.signer = &signer_};
  std::array<std::uint8_t, kTcpSpace> space_{};
  Bytes message_;
};

TEST_F(SignedAnswerTest, SignsAnAddress) {
  const Answer answer = Ask("ns.signed.test", RrType::kA);
  EXPECT_TRUE(answer.aa() && !answer.tc());
  EXPECT_EQ(answer.flags & 0x0020, 0);  // AD: an authority does not vouch for itself
  EXPECT_EQ(answer.answers.size(), 2u);
  EXPECT_TRUE(IsSigned(answer.answers, "ns.signed.test", RrType::kA));
}

TEST_F(SignedAnswerTest, SignsASetInCanonicalOrder) {
  const Answer answer = Ask("many.signed.test", RrType::kA);
  EXPECT_EQ(answer.answers.size(), 4u);
  EXPECT_TRUE(IsSigned(answer.answers, "many.signed.test", RrType::kA));
}

TEST_F(SignedAnswerTest, SignsNamesInDataAsLowerCase) {
  EXPECT_TRUE(IsSigned(Ask("signed.test", RrType::kMx).answers, "signed.test", RrType::kMx));
  EXPECT_TRUE(IsSigned(Ask("_http._tcp.signed.test", RrType::kSrv).answers,
                       "_http._tcp.signed.test", RrType::kSrv));
}

TEST_F(SignedAnswerTest, TheCaseOfTheQuestionDoesNotMatter) {
  const Answer answer = Ask("nS.sIgNeD.tEsT", RrType::kA);
  EXPECT_EQ(answer.answers.at(0).owner.ToText(), "nS.sIgNeD.tEsT.");
  EXPECT_TRUE(IsSigned(answer.answers, "ns.signed.test", RrType::kA));
}

TEST_F(SignedAnswerTest, WhoDoesNotAskForProofGetsNone) {
  const Answer answer = AskPlain("ns.signed.test", RrType::kA);
  EXPECT_EQ(answer.answers.size(), 1u);
  const Answer none = AskPlain("nobody.signed.test", RrType::kA);
  EXPECT_EQ(none.rcode, 3);
  EXPECT_EQ(none.authorities.size(), 1u);
  EXPECT_EQ(signer_.counters().made, 0u);
}

TEST_F(SignedAnswerTest, AnUnsignedZoneNeverMeetsTheSigner) {
  const Answer answer = Ask("host.plain.signed.test", RrType::kA);
  EXPECT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(Ask("nobody.plain.signed.test", RrType::kA).rcode, 3);
  EXPECT_EQ(signer_.counters().made, 0u);
}

TEST_F(SignedAnswerTest, ShowsTheKeysAtTheApex) {
  const Answer answer = Ask("signed.test", RrType::kDnskey);
  ASSERT_EQ(answer.answers.size(), 2u);
  EXPECT_EQ(answer.answers[0].rdata, zones_.keys->active().dnskey());
  EXPECT_TRUE(IsSigned(answer.answers, "signed.test", RrType::kDnskey));
  const Answer cds = Ask("signed.test", static_cast<RrType>(59));
  EXPECT_EQ(cds.answers.at(0).rdata, zones_.keys->active().Ds(N("signed.test")));
  EXPECT_TRUE(IsSigned(cds.answers, "signed.test", static_cast<RrType>(59)));
  const Answer cdnskey = Ask("signed.test", static_cast<RrType>(60));
  EXPECT_EQ(cdnskey.answers.at(0).rdata, zones_.keys->active().dnskey());
}

TEST_F(SignedAnswerTest, AServicesSignatureServesInAllItsStates) {
  options_.owned_ttl = 5;
  const Answer asleep = Ask("service.signed.test", RrType::kA);
  EXPECT_TRUE(IsSigned(asleep.answers, "service.signed.test", RrType::kA));
  EXPECT_EQ(asleep.answers.at(0).ttl, 5u);
  EXPECT_EQ(asleep.answers.at(1).ttl, 5u);  // RFC 4034 section 3: as what it signs
  options_.owned_ttl = 30;
  const Answer ready = Ask("service.signed.test", RrType::kA);
  EXPECT_EQ(ready.answers.at(0).ttl, 30u);
  EXPECT_EQ(ready.answers.at(1).rdata, asleep.answers.at(1).rdata);
  EXPECT_EQ(signer_.counters().made, 1u);
}

// RFC 9824 section 3.2.
TEST_F(SignedAnswerTest, AMissingTypeIsDeniedAtItsName) {
  const Answer answer = Ask("service.signed.test", RrType::kAaaa);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(answer.answers.empty());
  ASSERT_EQ(answer.authorities.size(), 4u);
  EXPECT_TRUE(IsSigned(answer.authorities, "signed.test", RrType::kSoa));
  EXPECT_TRUE(IsSigned(answer.authorities, "service.signed.test", RrType::kNsec));
  const AnswerRecord* nsec = Find(answer.authorities, RrType::kNsec);
  EXPECT_TRUE(Lists(*nsec, 1) && Lists(*nsec, 46) && Lists(*nsec, 47));
  EXPECT_FALSE(Lists(*nsec, 28) || Lists(*nsec, 128));
  EXPECT_EQ(nsec->ttl, Find(answer.authorities, RrType::kSoa)->ttl);  // RFC 9077
}

// RFC 9824 section 3.1.
TEST_F(SignedAnswerTest, AMissingNameIsSaidToHaveNothing) {
  const Answer answer = Ask("nobody.signed.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 0);
  ASSERT_EQ(answer.authorities.size(), 4u);
  EXPECT_TRUE(IsSigned(answer.authorities, "nobody.signed.test", RrType::kNsec));
  EXPECT_TRUE(Lists(*Find(answer.authorities, RrType::kNsec), 128));
  EXPECT_EQ(answer.opt->ttl & 0x4000u, 0u);
  EXPECT_LT(message_.size(), 500u);
}

// RFC 9824 section 5.1.
TEST_F(SignedAnswerTest, WhoUnderstandsCompactDenialGetsNxdomain) {
  const Answer answer = Ask(CompactQuery("nobody.signed.test", RrType::kA));
  EXPECT_EQ(answer.rcode, 3);
  EXPECT_EQ(answer.opt->ttl & 0xffffu, kDoAndCo);
  EXPECT_TRUE(IsSigned(answer.authorities, "nobody.signed.test", RrType::kNsec));
  EXPECT_EQ(Ask(CompactQuery("ns.signed.test", RrType::kAaaa)).rcode, 0);
}

// RFC 9824 section 3.5.
TEST_F(SignedAnswerTest, NobodyCanAskForNxname) {
  const Packet packet = dns::test::PlainQuery("nobody.signed.test", RrType::kNxName);
  const Verdict verdict = ParseQuery(packet, dns::test::FromClient(Transport::kUdp));
  ASSERT_TRUE(std::holds_alternative<Rejection>(verdict));
  EXPECT_EQ(std::get<Rejection>(verdict).rcode, Rcode::kFormErr);
}

TEST_F(SignedAnswerTest, AnEmptyNonTerminalHasNothing) {
  const Answer answer = Ask("empty.signed.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(IsSigned(answer.authorities, "empty.signed.test", RrType::kNsec));
  EXPECT_FALSE(Lists(*Find(answer.authorities, RrType::kNsec), 128));
}

// RFC 9824 section 3.3: as if the name were there.
TEST_F(SignedAnswerTest, AWildcardsAnswerIsSignedAsTheNameItself) {
  const Answer answer = Ask("any.wild.signed.test", RrType::kA);
  EXPECT_EQ(answer.answers.size(), 2u);
  EXPECT_TRUE(answer.authorities.empty());
  EXPECT_TRUE(IsSigned(answer.answers, "any.wild.signed.test", RrType::kA));
  const Answer none = Ask("any.wild.signed.test", RrType::kTxt);
  EXPECT_TRUE(IsSigned(none.authorities, "any.wild.signed.test", RrType::kNsec));
  EXPECT_TRUE(Lists(*Find(none.authorities, RrType::kNsec), 1));
}

TEST_F(SignedAnswerTest, AWildcardCanBeAskedByItsOwnName) {
  EXPECT_TRUE(IsSigned(Ask("*.wild.signed.test", RrType::kA).answers, "*.wild.signed.test",
                       RrType::kA));
}

TEST_F(SignedAnswerTest, AChainIsSignedByEachOfItsZones) {
  const Answer answer = Ask("alias.signed.test", RrType::kA);
  EXPECT_EQ(answer.answers.size(), 6u);
  EXPECT_TRUE(IsSigned(answer.answers, "alias.signed.test", RrType::kCname));
  EXPECT_TRUE(IsSigned(answer.answers, "hop.other.test", RrType::kCname, "other.test",
                       *zones_.other_keys));
  EXPECT_TRUE(
      IsSigned(answer.answers, "web.other.test", RrType::kA, "other.test", *zones_.other_keys));
  EXPECT_TRUE(IsSigned(Ask("x.walias.signed.test", RrType::kA).answers, "x.walias.signed.test",
                       RrType::kCname));
}

TEST_F(SignedAnswerTest, AChainThatDanglesIsDeniedByItsLastZone) {
  const Answer answer = Ask("dangling.signed.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(IsSigned(answer.answers, "dangling.signed.test", RrType::kCname));
  EXPECT_TRUE(IsSigned(answer.authorities, "missing.other.test", RrType::kNsec, "other.test",
                       *zones_.other_keys));
  EXPECT_TRUE(
      IsSigned(answer.authorities, "other.test", RrType::kSoa, "other.test", *zones_.other_keys));
}

TEST_F(SignedAnswerTest, AChainIntoAnUnsignedZoneEndsUnsigned) {
  const Answer answer = Ask("unsigned.signed.test", RrType::kA);
  EXPECT_EQ(answer.answers.size(), 3u);
  EXPECT_TRUE(IsSigned(answer.answers, "unsigned.signed.test", RrType::kCname));
}

// RFC 9824 section 3.4, RFC 4035 section 3.1.4.1.
TEST_F(SignedAnswerTest, ADelegationWithoutDsIsShownToBeUnsigned) {
  const Answer answer = Ask("host.sub.signed.test", RrType::kA);
  EXPECT_FALSE(answer.aa());
  EXPECT_TRUE(answer.answers.empty());
  EXPECT_TRUE(Has(answer.authorities, RrType::kNs) && !Has(answer.authorities, RrType::kSoa));
  EXPECT_FALSE(IsSigned(answer.authorities, "sub.signed.test", RrType::kNs));
  EXPECT_TRUE(IsSigned(answer.authorities, "sub.signed.test", RrType::kNsec));
  const AnswerRecord* nsec = Find(answer.authorities, RrType::kNsec);
  EXPECT_TRUE(Lists(*nsec, 2));
  EXPECT_FALSE(Lists(*nsec, 43) || Lists(*nsec, 6) || Lists(*nsec, 1));
  ByteReader reader{Bytes(nsec->rdata)};
  EXPECT_EQ(ReadName(reader)->ToText(), "sub\\000.signed.test.");
  EXPECT_TRUE(Has(answer.additionals, RrType::kA) && !Has(answer.additionals, RrType::kRrsig));
}

TEST_F(SignedAnswerTest, ADelegationWithDsShowsIt) {
  const Answer answer = Ask("host.secure.signed.test", RrType::kA);
  EXPECT_TRUE(IsSigned(answer.authorities, "secure.signed.test", RrType::kDs));
  EXPECT_FALSE(Has(answer.authorities, RrType::kNsec));
  EXPECT_FALSE(Has(AskPlain("host.secure.signed.test", RrType::kA).authorities, RrType::kDs));
}

TEST_F(SignedAnswerTest, DsIsAnsweredFromAboveEvenForOurOwnZone) {
  const Answer there = Ask("inner.signed.test", RrType::kDs);
  EXPECT_EQ(there.answers.at(0).rdata, zones_.inner_keys->active().Ds(N("inner.signed.test")));
  EXPECT_TRUE(IsSigned(there.answers, "inner.signed.test", RrType::kDs));
  const Answer absent = Ask("plain.signed.test", RrType::kDs);
  EXPECT_TRUE(absent.answers.empty());
  EXPECT_TRUE(IsSigned(absent.authorities, "plain.signed.test", RrType::kNsec));
  EXPECT_TRUE(IsSigned(absent.authorities, "signed.test", RrType::kSoa));
  const AnswerRecord* nsec = Find(absent.authorities, RrType::kNsec);
  EXPECT_TRUE(Lists(*nsec, 2));
  EXPECT_FALSE(Lists(*nsec, 6) || Lists(*nsec, 43));
  const Answer cut = Ask("sub.signed.test", RrType::kDs);
  EXPECT_TRUE(cut.aa());
  EXPECT_TRUE(IsSigned(cut.authorities, "sub.signed.test", RrType::kNsec));
}

TEST_F(SignedAnswerTest, OtherTypesAtAnApexComeFromTheZoneItself) {
  const Answer answer = Ask("inner.signed.test", RrType::kTxt);
  EXPECT_TRUE(IsSigned(answer.authorities, "inner.signed.test", RrType::kNsec, "inner.signed.test",
                       *zones_.inner_keys));
  const AnswerRecord* nsec = Find(answer.authorities, RrType::kNsec);
  EXPECT_TRUE(Lists(*nsec, 6) && Lists(*nsec, 48));
  EXPECT_FALSE(Lists(*nsec, 43));
}

// RFC 4035 section 3.1.1: what stands in the additional section with authority is signed too.
TEST_F(SignedAnswerTest, AddressesOfOurNameServersAreSigned) {
  const Answer answer = Ask("signed.test", RrType::kNs);
  EXPECT_TRUE(IsSigned(answer.answers, "signed.test", RrType::kNs));
  EXPECT_TRUE(IsSigned(answer.additionals, "ns.signed.test", RrType::kA));
}

TEST_F(SignedAnswerTest, NsecAndRrsigCanBeAskedFor) {
  EXPECT_TRUE(IsSigned(Ask("ns.signed.test", RrType::kNsec).answers, "ns.signed.test",
                       RrType::kNsec));
  EXPECT_TRUE(IsSigned(Ask("alias.signed.test", RrType::kNsec).answers, "alias.signed.test",
                       RrType::kNsec));
  const Answer some = Ask("ns.signed.test", RrType::kRrsig);
  ASSERT_EQ(some.answers.size(), 1u);
  EXPECT_EQ(some.answers[0].type, RrType::kRrsig);
}

TEST_F(SignedAnswerTest, TheMinimalAnswerToAnyIsSigned) {
  EXPECT_TRUE(
      IsSigned(Ask("ns.signed.test", RrType::kAny).answers, "ns.signed.test", RrType::kHinfo));
}

TEST_F(SignedAnswerTest, WhatDoesNotFitIsTruncated) {
  EXPECT_TRUE(Ask("big.signed.test", RrType::kTxt).tc());
  const Packet packet =
      dns::test::EdnsQuery("big.signed.test", RrType::kTxt, {.dnssec_ok = true});
  const Answer whole = Ask(packet, Transport::kTcp);
  EXPECT_FALSE(whole.tc());
  EXPECT_TRUE(IsSigned(whole.answers, "big.signed.test", RrType::kTxt));
}

// An answer without its signature is no answer; who comes back over a connection gets one.
TEST_F(SignedAnswerTest, OverTheRateTheAskerIsSentToAConnection) {
  signer_.set_signatures_per_s(0);
  const Answer limited = Ask("ns.signed.test", RrType::kA);
  EXPECT_TRUE(limited.tc());
  EXPECT_EQ(limited.rcode, 0);
  EXPECT_TRUE(limited.answers.empty() && limited.authorities.empty());
  const Packet packet = dns::test::EdnsQuery("ns.signed.test", RrType::kA, {.dnssec_ok = true});
  const Answer refused = Ask(packet, Transport::kTcp);
  EXPECT_EQ(refused.rcode, 2);
  EXPECT_FALSE(refused.tc());
  EXPECT_EQ(AskPlain("ns.signed.test", RrType::kA).answers.size(), 1u);
}

// RFC 4035 section 3.1.1.
TEST_F(SignedAnswerTest, AHelpThatCannotBeSignedGoesWithoutASignature) {
  signer_.set_signatures_per_s(1);  // for the answer, and none for the address beside it
  const Answer answer = Ask("signed.test", RrType::kNs);
  EXPECT_FALSE(answer.tc());
  EXPECT_TRUE(IsSigned(answer.answers, "signed.test", RrType::kNs));
  EXPECT_TRUE(Has(answer.additionals, RrType::kA) && !Has(answer.additionals, RrType::kRrsig));
}

TEST_F(SignedAnswerTest, WithAWrongClockWhoWantsProofGetsAnError) {
  wall_ = 0;
  const Answer answer = Ask("ns.signed.test", RrType::kA);
  EXPECT_EQ(answer.rcode, 2);
  EXPECT_TRUE(answer.answers.empty());
  EXPECT_EQ(AskPlain("ns.signed.test", RrType::kA).rcode, 0);
}

}  // namespace
}  // namespace summon::dns
