// SPDX-License-Identifier: Apache-2.0
// EDNS over the wire: versions, flags, sizes, options.
#include "tests/dns/conformance/harness.h"

namespace summon::dns::test {
namespace {

const auto kRowName = [](const auto& row) { return std::string(row.param.name); };

// The value of the first option of that code in an answer's OPT.
std::optional<Packet> Option(const Answer& answer, EdnsOption code) {
  if (!answer.opt) return std::nullopt;
  ByteReader reader(answer.opt->rdata);
  while (reader.remaining() > 0) {
    const auto number = reader.Be16(), length = reader.Be16();
    const auto value = reader.Take(length.value_or(0));
    if (!value) return std::nullopt;
    if (*number == static_cast<std::uint16_t>(code)) return Packet(value->begin(), value->end());
  }
  return std::nullopt;
}

Packet Asking(const Packet& options, std::string_view name = "www.conf.test") {
  return EdnsQuery(name, RrType::kA, {.options = options});
}

// An OPT record with everything by hand.
struct RawOpt {
  Packet owner = {0};
  std::uint16_t size = 1232;
  std::uint32_t ttl = 0;
  Packet rdata;
};
Message& Put(Message& message, const RawOpt& opt) {
  return message.Raw(opt.owner)
      .Be16(41)
      .Be16(opt.size)
      .Be32(opt.ttl)
      .Be16(static_cast<std::uint16_t>(opt.rdata.size()))
      .Raw(opt.rdata);
}
Packet With(const RawOpt& opt) {
  Message message;
  message.Header(0, {.additionals = 1}).Question("www.conf.test", RrType::kA);
  return Put(message, opt).bytes();
}

// --- the record ---

class Rfc6891Section6_1_1 : public ConformanceTest {};

TEST_F(Rfc6891Section6_1_1, WithoutOptThereIsNoOpt) {
  EXPECT_FALSE(Ask("www.conf.test", RrType::kA).opt.has_value());
}
TEST_F(Rfc6891Section6_1_1, WithOptThereIsOne) {
  EXPECT_TRUE(Ask(EdnsQuery("www.conf.test", RrType::kA)).opt.has_value());
}
TEST_F(Rfc6891Section6_1_1, OverTcpToo) {
  EXPECT_TRUE(AskTcp(EdnsQuery("www.conf.test", RrType::kA)).opt.has_value());
  EXPECT_FALSE(AskTcp(PlainQuery("www.conf.test", RrType::kA)).opt.has_value());
}
TEST_F(Rfc6891Section6_1_1, EveryKindOfAnswerHasIt) {
  EXPECT_TRUE(Ask(EdnsQuery("missing.conf.test", RrType::kA)).opt.has_value());
  EXPECT_TRUE(Ask(EdnsQuery("www.conf.test", RrType::kMx)).opt.has_value());
  EXPECT_TRUE(Ask(EdnsQuery("host.sub.conf.test", RrType::kA)).opt.has_value());
  EXPECT_TRUE(Ask(EdnsQuery("www.example.org", RrType::kA)).opt.has_value());
}
TEST_F(Rfc6891Section6_1_1, TwoOptsAreFormErr) {
  const Packet query = Message()
                           .Header(0, {.additionals = 2})
                           .Question("www.conf.test", RrType::kA)
                           .Opt({})
                           .Opt({})
                           .bytes();
  EXPECT_EQ(Ask(query).rcode, 1);
  ExpectRejected(RejectReason::kOptTwice);
}
TEST_F(Rfc6891Section6_1_1, TwoOptsOfWhichOneIsOfAnotherVersionAreFormErr) {
  const Packet query = Message()
                           .Header(0, {.additionals = 2})
                           .Question("www.conf.test", RrType::kA)
                           .Opt({})
                           .Opt({.version = 1})
                           .bytes();
  EXPECT_EQ(Ask(query).rcode, 1);
}
TEST_F(Rfc6891Section6_1_1, OptInTheAnswerSectionIsFormErr) {
  const Packet query =
      Message().Header(0, {.answers = 1}).Question("www.conf.test", RrType::kA).Opt({}).bytes();
  EXPECT_EQ(Ask(query).rcode, 1);
  ExpectRejected(RejectReason::kOptPlace);
}
TEST_F(Rfc6891Section6_1_1, OptInTheAuthoritySectionIsFormErr) {
  const Packet query =
      Message().Header(0, {.authorities = 1}).Question("www.conf.test", RrType::kA).Opt({}).bytes();
  EXPECT_EQ(Ask(query).rcode, 1);
}

class Rfc6891Section6_1_2 : public ConformanceTest {};

TEST_F(Rfc6891Section6_1_2, AnOwnerThatIsNotTheRootIsFormErr) {
  EXPECT_EQ(Ask(With({.owner = {1, 'a', 0}})).rcode, 1);
  ExpectRejected(RejectReason::kOptOwner);
}
TEST_F(Rfc6891Section6_1_2, APointerToANameAsOwnerIsFormErr) {
  EXPECT_EQ(Ask(With({.owner = {0xc0, 12}})).rcode, 1);
}
TEST_F(Rfc6891Section6_1_2, TheAnswersOwnerIsTheRoot) {
  EXPECT_TRUE(Ask(EdnsQuery("www.conf.test", RrType::kA)).opt->owner.is_root());
}
TEST_F(Rfc6891Section6_1_2, OptionsLongerThanTheRecordAreFormErr) {
  EXPECT_EQ(Ask(Asking(FromHex("fde9 0004 010203"))).rcode, 1);
  ExpectRejected(RejectReason::kOptions);
}
TEST_F(Rfc6891Section6_1_2, HalfAnOptionIsFormErr) {
  EXPECT_EQ(Ask(Asking(FromHex("fde9 00"))).rcode, 1);
}
TEST_F(Rfc6891Section6_1_2, UnknownOptionsAreIgnoredAndNotEchoed) {
  const Answer answer = Ask(Asking(FromHex("fde9 0003 010203 fdea 0000")));
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(answer.opt->rdata.empty());
}
TEST_F(Rfc6891Section6_1_2, ManyUnknownOptionsAreIgnored) {
  Packet options;
  for (int i = 0; i < 100; ++i) {
    const Packet one = FromHex("fde9 0002 0102");
    options.insert(options.end(), one.begin(), one.end());
  }
  EXPECT_EQ(Ask(Asking(options)).rcode, 0);
}

// --- versions ---

class Version : public ConformanceTest, public testing::WithParamInterface<int> {};

TEST_P(Version, AboveZeroIsBadVers) {
  const auto version = static_cast<std::uint8_t>(GetParam());
  const Answer answer = Ask(EdnsQuery("www.conf.test", RrType::kA, {.version = version}));
  EXPECT_EQ(answer.rcode, 16);
  EXPECT_TRUE(answer.answers.empty());
  ASSERT_TRUE(answer.opt.has_value());
  EXPECT_EQ(answer.opt->ttl >> 16 & 0xff, 0u);  // the version that we speak
}

INSTANTIATE_TEST_SUITE_P(Rfc6891Section6_1_3, Version, testing::Values(1, 2, 127, 255),
                         testing::PrintToStringParamName());

class Rfc6891Section6_1_3 : public ConformanceTest {};

TEST_F(Rfc6891Section6_1_3, BadVersGoesBeforeOptionsOfAnotherForm) {
  const Packet query =
      EdnsQuery("www.conf.test", RrType::kA, {.version = 1, .options = FromHex("fde9 00")});
  EXPECT_EQ(Ask(query).rcode, 16);
}
TEST_F(Rfc6891Section6_1_3, BadVersIsGivenForANameThatIsNotOursToo) {
  EXPECT_EQ(Ask(EdnsQuery("www.example.org", RrType::kA, {.version = 1})).rcode, 16);
}
TEST_F(Rfc6891Section6_1_3, TheAnswersVersionIsZero) {
  EXPECT_EQ(Ask(EdnsQuery("www.conf.test", RrType::kA)).opt->ttl, 0u);
}

// --- flags ---

class Rfc6891Section6_1_4 : public ConformanceTest {};

TEST_F(Rfc6891Section6_1_4, DnssecOkIsEchoed) {
  const Answer answer = Ask(EdnsQuery("www.conf.test", RrType::kA, {.dnssec_ok = true}));
  EXPECT_EQ(answer.opt->ttl & 0xffff, 0x8000u);
}
TEST_F(Rfc6891Section6_1_4, DnssecOkIsEchoedInADenial) {
  const Answer answer = Ask(EdnsQuery("missing.conf.test", RrType::kA, {.dnssec_ok = true}));
  EXPECT_EQ(answer.opt->ttl & 0xffff, 0x8000u);
}
TEST_F(Rfc6891Section6_1_4, UnknownFlagsAreIgnoredAndZero) {
  const Answer answer = Ask(With({.ttl = 0x7fff}));
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_EQ(answer.opt->ttl, 0u);
}
TEST_F(Rfc6891Section6_1_4, AnUpperRcodeInAQueryMeansNothing) {
  const Answer answer = Ask(With({.ttl = 0xff000000}));
  EXPECT_EQ(answer.rcode, 0);
}

// --- sizes ---

struct SizeRow {
  const char* name;
  const char* asked;
  int offered;  // 0: no EDNS
  bool truncated;
  std::size_t size_max;
};
class Size : public ConformanceTest, public testing::WithParamInterface<SizeRow> {
 protected:
  static Packet Query() {
    const SizeRow& row = GetParam();
    if (row.offered == 0) return PlainQuery(row.asked, RrType::kTxt);
    return EdnsQuery(row.asked, RrType::kTxt, {.size = static_cast<std::uint16_t>(row.offered)});
  }
};

TEST_P(Size, IsKept) {
  const Packet reply = AskRaw(Query());
  EXPECT_LE(reply.size(), GetParam().size_max);
  const auto answer = ReadAnswer(reply);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tc(), GetParam().truncated);
  EXPECT_EQ(answer->answers.empty(), GetParam().truncated);
  EXPECT_EQ(answer->rcode, 0);
}
TEST_P(Size, DoesNotMatterOverTcp) {
  const Answer answer = AskTcp(Query());
  EXPECT_FALSE(answer.tc());
  EXPECT_FALSE(answer.answers.empty());
}

// The set at "big" has about 1,800 octets, that at "deep.empty" fits everywhere.
INSTANTIATE_TEST_SUITE_P(
    Rfc6891Section6_2_5, Size,
    testing::Values(SizeRow{"NoEdns", "big.conf.test", 0, true, 512},
                    SizeRow{"OneIs512", "big.conf.test", 1, true, 512},
                    SizeRow{"Below512Is512", "big.conf.test", 100, true, 512},
                    SizeRow{"Exactly512", "big.conf.test", 512, true, 512},
                    SizeRow{"WithinOurs", "big.conf.test", 1'000, true, 1'000},
                    SizeRow{"OurOwn", "big.conf.test", 1'232, true, 1'232},
                    SizeRow{"MoreThanWeSend", "big.conf.test", 4'096, true, 1'232},
                    SizeRow{"AsMuchAsCanBe", "huge.conf.test", 65'535, true, 1'232},
                    SizeRow{"SmallAnswersFitWithoutEdns", "deep.empty.conf.test", 0, false, 512},
                    SizeRow{"SmallAnswersFit", "deep.empty.conf.test", 512, false, 512}),
    kRowName);

class Rfc6891Section6_2_3 : public ConformanceTest {};

TEST_F(Rfc6891Section6_2_3, WeTellOurOwnSize) {
  EXPECT_EQ(Ask(EdnsQuery("www.conf.test", RrType::kA)).opt->rr_class, 1'232);
}
TEST_F(Rfc6891Section6_2_3, AMediumAnswerFitsWithEdns) {
  const Answer answer = Ask(EdnsQuery("many.conf.test", RrType::kA));
  EXPECT_FALSE(answer.tc());
  EXPECT_EQ(answer.answers.size(), 40u);
}

class LargerSize : public ConformanceTest {
 protected:
  ServerOptions Options() const override {
    ServerOptions options = ConformanceTest::Options();
    options.manners.edns.udp_size = 4'096;
    return options;
  }
};

TEST_F(LargerSize, CanBeConfigured) {
  if (!IsOurs()) GTEST_SKIP() << "another server's configuration is its own";
  const Answer answer = Ask(EdnsQuery("big.conf.test", RrType::kTxt, {.size = 4'096}));
  EXPECT_FALSE(answer.tc());
  EXPECT_EQ(answer.opt->rr_class, 4'096);
  EXPECT_TRUE(Ask(EdnsQuery("huge.conf.test", RrType::kTxt, {.size = 4'096})).tc());
  EXPECT_TRUE(Ask(EdnsQuery("big.conf.test", RrType::kTxt, {.size = 1'232})).tc());
}

// --- NSID ---

class Rfc5001Section2 : public ConformanceTest {
 protected:
  void SetUp() override {
    ConformanceTest::SetUp();
    if (!IsOurs()) GTEST_SKIP() << "another server's name is its own";
  }
};

TEST_F(Rfc5001Section2, TheNameIsToldWhenItIsAskedFor) {
  const Packet text = {'c', 'o', 'n', 'f', 'o', 'r', 'm', 'a', 'n', 'c', 'e'};
  EXPECT_EQ(Option(Ask(Asking(FromHex("0003 0000"))), EdnsOption::kNsid), text);
}
TEST_F(Rfc5001Section2, APayloadInTheQueryMeansNothing) {
  EXPECT_TRUE(Option(Ask(Asking(FromHex("0003 0004 01020304"))), EdnsOption::kNsid).has_value());
}
TEST_F(Rfc5001Section2, ItIsNotToldUnasked) {
  EXPECT_FALSE(Option(Ask(Asking({})), EdnsOption::kNsid).has_value());
}

class NoNsid : public ConformanceTest {
 protected:
  ServerOptions Options() const override {
    ServerOptions options = ConformanceTest::Options();
    options.manners = {};
    return options;
  }
};

TEST_F(NoNsid, NothingIsToldByDefault) {
  if (!IsOurs()) GTEST_SKIP() << "another server's configuration is its own";
  EXPECT_TRUE(Ask(Asking(FromHex("0003 0000"))).opt->rdata.empty());
}
TEST_F(NoNsid, WithoutSecretsCookiesAreNotSpoken) {
  if (!IsOurs()) GTEST_SKIP() << "another server's configuration is its own";
  EXPECT_TRUE(Ask(Asking(FromHex("000a 0008 0102030405060708"))).opt->rdata.empty());
}

// --- cookies ---

class Rfc7873Section5 : public ConformanceTest {
 protected:
  static Packet CookieOption(const Packet& cookie) {
    return Message().Be16(10).Be16(static_cast<std::uint16_t>(cookie.size())).Raw(cookie).bytes();
  }
  static Packet NoQuestion(const Packet& cookie) {
    return Message()
        .Header(0, {.questions = 0, .additionals = 1})
        .Opt({.options = CookieOption(cookie)})
        .bytes();
  }
  // The client's cookie with the one that the server gave for it.
  Packet Learn() {
    return Option(Ask(Asking(CookieOption(kClient))), EdnsOption::kCookie).value_or(Packet());
  }

  const Packet kClient = {1, 2, 3, 4, 5, 6, 7, 8};
};

TEST_F(Rfc7873Section5, AClientsCookieIsAnsweredWithOurs) {
  const Packet cookie = Learn();
  ASSERT_EQ(cookie.size(), 24u);
  EXPECT_TRUE(std::equal(kClient.begin(), kClient.end(), cookie.begin()));
  EXPECT_EQ(cookie[8], 1);  // the version of RFC 9018
}
TEST_F(Rfc7873Section5, OurCookieIsKeptWhileItIsNew) {
  const Packet cookie = Learn();
  EXPECT_EQ(Option(Ask(Asking(CookieOption(cookie))), EdnsOption::kCookie), cookie);
}
TEST_F(Rfc7873Section5, ItIsAnsweredOverTcpToo) {
  EXPECT_TRUE(Option(AskTcp(Asking(CookieOption(kClient))), EdnsOption::kCookie).has_value());
}
TEST_F(Rfc7873Section5, AForgedCookieIsAnsweredWithAGoodOne) {
  Packet forged = Learn();
  const Packet good = forged;
  ASSERT_EQ(good.size(), 24u);
  forged[23] ^= 1;
  const Answer answer = Ask(Asking(CookieOption(forged)));
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_EQ(answer.answers.size(), 2u);
  EXPECT_EQ(Option(answer, EdnsOption::kCookie), good);
}
TEST_F(Rfc7873Section5, AnotherServersCookieIsNoError) {
  Packet cookie = kClient;
  cookie.insert(cookie.end(), 32, 0xaa);
  EXPECT_EQ(Ask(Asking(CookieOption(cookie))).rcode, 0);
}
TEST_F(Rfc7873Section5, WithoutACookieThereIsNone) {
  EXPECT_FALSE(Option(Ask(Asking({})), EdnsOption::kCookie).has_value());
}
TEST_F(Rfc7873Section5, DenialsAndRefusalsHaveItToo) {
  EXPECT_TRUE(Option(Ask(Asking(CookieOption(kClient), "missing.conf.test")), EdnsOption::kCookie)
                  .has_value());
  EXPECT_TRUE(Option(Ask(Asking(CookieOption(kClient), "www.example.org")), EdnsOption::kCookie)
                  .has_value());
}
TEST_F(Rfc7873Section5, WhatItProvesIsCounted) {
  if (!IsOurs()) GTEST_SKIP() << "the counters of another server cannot be seen";
  const Packet cookie = Learn();
  Packet forged = cookie;
  forged.back() ^= 1;
  Ask(Asking(CookieOption(cookie)));
  Ask(Asking(CookieOption(forged)));
  Ask(Asking({}));
  const auto counts = Cookies();
  EXPECT_EQ(counts, (std::array<std::uint64_t, kCookieStateCount>{1, 1, 1, 1}));
}

// RFC 7873 section 5.4: a query without a question asks for a cookie only.
TEST_F(Rfc7873Section5, ACookieAloneIsAnswered) {
  const Answer answer = Ask(NoQuestion(kClient));
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_FALSE(answer.question.has_value());
  EXPECT_EQ(Option(answer, EdnsOption::kCookie).value_or(Packet()).size(), 24u);
}
TEST_F(Rfc7873Section5, AGoodCookieAloneIsConfirmed) {
  EXPECT_EQ(Ask(NoQuestion(Learn())).rcode, 0);
}
TEST_F(Rfc7873Section5, ABadCookieAloneIsBadCookie) {
  Packet forged = Learn();
  forged.back() ^= 1;
  const Answer answer = Ask(NoQuestion(forged));
  EXPECT_EQ(answer.rcode, 23);
  EXPECT_TRUE(Option(answer, EdnsOption::kCookie).has_value());
}

class CookieSize : public ConformanceTest, public testing::WithParamInterface<int> {};

TEST_P(CookieSize, ThatCannotBeIsFormErr) {
  const auto size = static_cast<std::size_t>(GetParam());
  const Packet option =
      Message().Be16(10).Be16(static_cast<std::uint16_t>(size)).Raw(Packet(size, 7)).bytes();
  EXPECT_EQ(Ask(Asking(option)).rcode, 1);
  ExpectRejected(RejectReason::kCookie);
}

INSTANTIATE_TEST_SUITE_P(Rfc7873Section5_2_2, CookieSize,
                         testing::Values(0, 1, 7, 9, 15, 41, 48, 255),
                         testing::PrintToStringParamName());

// --- client subnet ---

struct SubnetRow {
  const char* name;
  const char* option;
  int rcode;
};
class ClientSubnetOption : public ConformanceTest, public testing::WithParamInterface<SubnetRow> {};

TEST_P(ClientSubnetOption, IsJudgedAndNotEchoed) {
  const Answer answer = Ask(Asking(FromHex(GetParam().option)));
  EXPECT_EQ(answer.rcode, GetParam().rcode);
  EXPECT_FALSE(Option(answer, EdnsOption::kClientSubnet).has_value());
}

// A server that makes no use of it need not look at it: other servers answer all of these.
INSTANTIATE_TEST_SUITE_P(
    Rfc7871Section7, ClientSubnetOption,
    testing::Values(SubnetRow{"Ipv4", "0008 0007 0001 18 00 c00002", 0},
                    SubnetRow{"Ipv6", "0008 000b 0002 38 00 20010db8000000", 0},
                    SubnetRow{"Nobody", "0008 0004 0001 00 00", 0},
                    SubnetRow{"FamilyUnknown", "0008 0005 0009 08 00 01", 0},
                    SubnetRow{"TooFewOctets", "0008 0006 0001 18 00 c000", 1},
                    SubnetRow{"BitsBeyondThePrefix", "0008 0007 0001 17 00 c00001", 1},
                    SubnetRow{"PrefixOf33Bits", "0008 0009 0001 21 00 c000020100", 1},
                    SubnetRow{"ScopeInAQuery", "0008 0007 0001 18 18 c00002", 1}),
    kRowName);

// --- keepalive and padding ---

class Rfc7828Section3 : public ConformanceTest {};

TEST_F(Rfc7828Section3, OverTcpTheIdleTimeIsTold) {
  const auto value = Option(AskTcp(Asking(FromHex("000b 0000"))), EdnsOption::kTcpKeepalive);
  ASSERT_TRUE(value.has_value());
  if (!IsOurs()) return;               // another server may wait for as long as it likes
  EXPECT_EQ(*value, FromHex("0064"));  // 10 s in units of 100 ms
}
TEST_F(Rfc7828Section3, OverUdpItMeansNothing) {
  const Answer answer = Ask(Asking(FromHex("000b 0000")));
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_FALSE(Option(answer, EdnsOption::kTcpKeepalive).has_value());
}
TEST_F(Rfc7828Section3, ItIsNotToldUnasked) {
  EXPECT_FALSE(Option(AskTcp(Asking({})), EdnsOption::kTcpKeepalive).has_value());
}

class Rfc7830Section6 : public ConformanceTest {};

TEST_F(Rfc7830Section6, WithoutEncryptionAnswersAreNotPadded) {
  const Packet padded = FromHex("000c 0008 0000000000000000");
  EXPECT_FALSE(Option(Ask(Asking(padded)), EdnsOption::kPadding).has_value());
  EXPECT_FALSE(Option(AskTcp(Asking(padded)), EdnsOption::kPadding).has_value());
}

}  // namespace
}  // namespace summon::dns::test
