// SPDX-License-Identifier: Apache-2.0
// Record data as text, by type; examples are those of the RFCs.
#include "dns/rdata_text.h"

#include <gtest/gtest.h>

#include <tuple>

#include "dns/binary_text.h"

namespace summon::dns {
namespace {

Result<Rdata> Read(std::string_view type, std::string_view text) {
  return RdataFromText(*ParseType(type), text, Name::Parse("example.com").value());
}

// What `text` is read as, written again.
std::string Again(std::string_view type, std::string_view text) {
  const auto rdata = Read(type, text);
  return rdata.ok() ? RdataToText(*ParseType(type), *rdata) : rdata.error().message();
}

std::string Octets(std::string_view type, std::string_view text) {
  const auto rdata = Read(type, text);
  return rdata.ok() ? HexText(*rdata) : rdata.error().message();
}

bool Refused(std::string_view type, std::string_view text) { return !Read(type, text).ok(); }

struct Case {
  const char* type;
  const char* text;
  const char* again;  // null: as it was
};

class RdataText : public testing::TestWithParam<Case> {};

TEST_P(RdataText, ReadsBack) {
  const Case& one = GetParam();
  EXPECT_EQ(Again(one.type, one.text), one.again ? one.again : one.text);
}

INSTANTIATE_TEST_SUITE_P(
    EveryType, RdataText,
    testing::Values(
        Case{"A", "192.0.2.1", nullptr}, Case{"AAAA", "2001:db8::1", nullptr},
        Case{"NS", "ns", "ns.example.com."}, Case{"CNAME", "a.b.", nullptr},
        Case{"PTR", "@", "example.com."}, Case{"DNAME", "x.test.", nullptr},
        Case{"SOA", "ns hm 1 1h 1m 1w 10", "ns.example.com. hm.example.com. 1 3600 60 604800 10"},
        Case{"MX", "10 mail", "10 mail.example.com."},
        Case{"TXT", "a \"b c\"", "\"a\" \"b c\""}, Case{"SPF", "\"v=spf1 -all\"", nullptr},
        Case{"SRV", "0 5 5060 sip.example.com.", nullptr},
        Case{"HINFO", "\"x86\" \"linux\"", nullptr},
        Case{"RP", "mbox.test. .", nullptr}, Case{"AFSDB", "1 a.test.", nullptr},
        Case{"KX", "1 a.test.", nullptr},
        // RFC 3403 section 6.2
        Case{"NAPTR", "100 50 \"a\" \"z3950+N2L+N2C\" \"\" cidserver.example.com.", nullptr},
        // RFC 4255 section 3.2
        Case{"SSHFP", "2 1 123456789abcdef67890123456789abcdef67890",
             "2 1 123456789ABCDEF67890123456789ABCDEF67890"},
        // RFC 6698 section 2.3
        Case{"TLSA", "0 0 1 ( d2abde240d7cd3ee6b4b28c54df034b9 7983a1d16e8a410e4561cb106618e971 )",
             "0 0 1 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971"},
        // RFC 4034 section 5.4
        Case{"DS", "60485 5 1 ( 2BB183AF5F22588179A53B0A 98631FAD1A292118 )",
             "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"},
        Case{"CDS", "0 0 0 00", nullptr}, Case{"CDNSKEY", "0 3 0 AA==", nullptr},
        Case{"DNSKEY", "256 3 5 AQPS KmynfzW4 kyBv", "256 3 5 AQPSKmynfzW4kyBv"},
        // RFC 4034 section 4.3
        Case{"NSEC", "host.example.com. A MX RRSIG NSEC TYPE1234", nullptr},
        Case{"RRSIG", "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1W6Wn",
             nullptr},
        Case{"CAA", "0 issue \"ca1.example.net; account=230123\"", nullptr},
        Case{"URI", "10 1 \"ftp://ftp1.example.com/public\"", nullptr},
        Case{"OPENPGPKEY", "AQID", nullptr}, Case{"SMIMEA", "3 1 1 AB", nullptr},
        Case{"TYPE65280", "\\# 3 010203", nullptr}, Case{"TYPE65280", "\\# 0", nullptr}));

// The vectors of RFC 9460 appendix D.
TEST(SvcbText, AliasMode) { EXPECT_EQ(Octets("HTTPS", "0 foo.example.com."),
                                      "000003666F6F076578616D706C6503636F6D00"); }

TEST(SvcbText, DotAsTarget) { EXPECT_EQ(Octets("SVCB", "1 ."), "000100"); }

TEST(SvcbText, Port) {
  EXPECT_EQ(Octets("SVCB", "16 foo.example.com. port=53"),
            "001003666F6F076578616D706C6503636F6D00000300020035");
}

TEST(SvcbText, GenericKeyWithEscapes) {
  EXPECT_EQ(Octets("SVCB", "1 foo.example.com. key667=hello"),
            "000103666F6F076578616D706C6503636F6D00029B000568656C6C6F");
  EXPECT_EQ(Octets("SVCB", "1 foo.example.com. key667=\"hello\\210qoo\""),
            "000103666F6F076578616D706C6503636F6D00029B000968656C6C6FD2716F6F");
}

TEST(SvcbText, Ipv6Hints) {
  EXPECT_EQ(Octets("SVCB", "1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\""),
            "000103666F6F076578616D706C6503636F6D00"
            "0006002020010DB800000000000000000000000120010DB8000000000000000000530001");
}

TEST(SvcbText, KeysAndMandatoryAreSorted) {
  EXPECT_EQ(Octets("SVCB", "16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn "
                           "ipv4hint=192.0.2.1"),
            "001003666F6F076578616D706C65036F726700"
            "0000000400010004" "0001000902683205" "68332D3139" "00040004C0000201");
}

TEST(SvcbText, CommasAndBackslashesInProtocols) {
  const char* octets = "001003666F6F076578616D706C65036F726700"
                       "0001000C08665C6F6F2C626172026832";
  EXPECT_EQ(Octets("SVCB", "16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\""), octets);
  EXPECT_EQ(Octets("SVCB", "16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2"), octets);
}

TEST(SvcbText, WhatRfc9460AppendixDRefuses) {
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. key123=abc key123=def"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. mandatory"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. alpn"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. port"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. ipv4hint"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. ipv6hint"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. no-default-alpn=abc"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. mandatory=key123"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. mandatory=mandatory"));
  EXPECT_TRUE(Refused("SVCB", "1 foo.example.com. mandatory=key123,key123 key123=abc"));
}

TEST(SvcbText, EveryKeyReadsBack) {
  const char* text =
      "1 . mandatory=alpn,port alpn=\"h2,h3\" no-default-alpn port=8443 ipv4hint=192.0.2.1 "
      "ech=AQID ipv6hint=2001:db8::1 dohpath=\"/dns-query{?dns}\" ohttp key700=\"x\"";
  EXPECT_EQ(Again("HTTPS", text), text);
}

TEST(RdataText, RefusesWhatIsOutOfRange) {
  EXPECT_TRUE(Refused("MX", "65536 a."));
  EXPECT_TRUE(Refused("MX", "-1 a."));
  EXPECT_TRUE(Refused("AAAA", "1.2.3.4"));
  EXPECT_TRUE(Refused("CAA", "0 is-sue \"x\""));
  EXPECT_TRUE(Refused("CAA", "256 issue \"x\""));
  EXPECT_TRUE(Refused("TXT", ""));
  EXPECT_TRUE(Refused("TXT", std::string(256, 'x')));
  EXPECT_TRUE(Refused("DS", "1 1 1"));
  EXPECT_TRUE(Refused("DS", "1 1 1 abc"));
  EXPECT_TRUE(Refused("DNSKEY", "256 3 5 AQP"));
  EXPECT_TRUE(Refused("RRSIG", "A 5 3 1 20031322173103 20030220173103 1 a. oJB1"));
  EXPECT_TRUE(Refused("TYPE65280", "\\# 65536"));
  EXPECT_TRUE(Refused("A", "192.0.2.1\n"));
}

TEST(RdataText, MalformedDataIsWrittenAsGeneric) {
  const Rdata three{1, 2, 3};
  EXPECT_EQ(RdataToText(RrType::kA, three), "\\# 3 010203");
}

TEST(TypeNames, AreReadInAnyCaseAndByNumber) {
  EXPECT_EQ(ParseType("aaaa"), RrType::kAaaa);
  EXPECT_EQ(ParseType("TYPE28"), RrType::kAaaa);
  EXPECT_EQ(ParseType("type65535"), static_cast<RrType>(65'535));
  EXPECT_EQ(ParseType("TYPE65536"), std::nullopt);
  EXPECT_EQ(ParseType("TYPE"), std::nullopt);
  EXPECT_EQ(ParseType("AA"), std::nullopt);
  EXPECT_EQ(ParseType(""), std::nullopt);
}

}  // namespace
}  // namespace summon::dns
