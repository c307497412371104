// SPDX-License-Identifier: Apache-2.0
// Zone files by RFC 1035 section 5, RFC 2308 section 4 ($TTL) and RFC 3597 section 5, and what is
// said, and where, when one is wrong.
#include "dns/zone_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/dns/zone_texts.h"

namespace summon::dns {
namespace {

using test::ReadZoneText;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// The example of RFC 1035 section 5.3, as it stands there but for the domain.
TEST(ZoneFile, ReadsTheExampleOfRfc1035) {
  const auto zone = ReadZoneText(R"($TTL 3600
@   IN  SOA     VENERA      Action\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        MX      10      VENERA
VENERA  A       10.1.0.52
)");
  EXPECT_THAT(zone.problems, IsEmpty());
  EXPECT_THAT(zone.records,
              ElementsAre("example.org. 3600 SOA VENERA.example.org. Action\\.domains.example.org. "
                          "20 7200 600 3600000 60",
                          "example.org. 3600 NS A.ISI.EDU.",
                          "example.org. 3600 NS VENERA.example.org.",
                          "example.org. 3600 MX 10 VENERA.example.org.",
                          "VENERA.example.org. 3600 A 10.1.0.52"));
}

TEST(ZoneFile, TtlAndClassComeInEitherOrderOrNotAtAll) {
  const auto zone = ReadZoneText(
      "$TTL 5\na 1 IN A 192.0.2.1\na IN 2 A 192.0.2.1\na IN A 192.0.2.1\na 3 A 192.0.2.1\n"
      "a A 192.0.2.1\na class1 4 type1 192.0.2.1\n");
  EXPECT_EQ(zone.Text(),
            "a.example.org. 1 A 192.0.2.1\na.example.org. 2 A 192.0.2.1\n"
            "a.example.org. 5 A 192.0.2.1\na.example.org. 3 A 192.0.2.1\n"
            "a.example.org. 5 A 192.0.2.1\na.example.org. 4 A 192.0.2.1\n");
}

TEST(ZoneFile, TtlHasUnits) {
  const auto zone = ReadZoneText("$TTL 1h30m\na A 192.0.2.1\nb 1w2d3h4M5S A 192.0.2.1\n");
  EXPECT_EQ(zone.Text(), "a.example.org. 5400 A 192.0.2.1\nb.example.org. 788645 A 192.0.2.1\n");
}

// RFC 1035 section 5.1: an omitted TTL is that of the record before, when there is no $TTL.
TEST(ZoneFile, WithoutDefaultTtlTheLastStatedOneHolds) {
  const auto zone = ReadZoneText("a 7 A 192.0.2.1\nb A 192.0.2.2\n");
  EXPECT_THAT(zone.records, ElementsAre("a.example.org. 7 A 192.0.2.1",
                                        "b.example.org. 7 A 192.0.2.2"));
}

TEST(ZoneFile, WithoutAnyTtlTheMinimumOfTheSoaHolds) {
  const auto zone = ReadZoneText("@ SOA a b 1 2 3 4 60\na A 192.0.2.1\n");
  EXPECT_THAT(zone.records, ElementsAre(StartsWith("example.org. 60 SOA"),
                                        "a.example.org. 60 A 192.0.2.1"));
}

TEST(ZoneFile, OriginMovesAndMayBeRelative) {
  const auto zone = ReadZoneText(
      "$TTL 1\n$ORIGIN sub\na A 192.0.2.1\n$ORIGIN deep\n@ A 192.0.2.2\n$ORIGIN other.test.\n"
      "c CNAME d\n");
  EXPECT_EQ(zone.Text(),
            "a.sub.example.org. 1 A 192.0.2.1\ndeep.sub.example.org. 1 A 192.0.2.2\n"
            "c.other.test. 1 CNAME d.other.test.\n");
}

TEST(ZoneFile, AnIndentedEntryHasTheOwnerAbove) {
  const auto zone = ReadZoneText("$TTL 1\na A 192.0.2.1\n$ORIGIN x.test.\n\t TXT b\n");
  EXPECT_EQ(zone.Text(), "a.example.org. 1 A 192.0.2.1\na.example.org. 1 TXT \"b\"\n");
}

TEST(ZoneFile, ParenthesesJoinLinesAndMayStandAnywhere) {
  const auto zone = ReadZoneText("$TTL 1\na ( A ; comment ) \"\n\n 192.0.2.1 )\nb TXT (x)(y)\n");
  EXPECT_THAT(zone.problems, IsEmpty());
  EXPECT_EQ(zone.Text(), "a.example.org. 1 A 192.0.2.1\nb.example.org. 1 TXT \"x\" \"y\"\n");
}

TEST(ZoneFile, QuotesKeepBlanksSemicolonsAndParentheses) {
  const auto zone = ReadZoneText("$TTL 1\na TXT \"b ;(c)\" d\\;e \"\" \"f\\\"g\\\\\"\n");
  EXPECT_EQ(zone.Text(), "a.example.org. 1 TXT \"b ;(c)\" \"d;e\" \"\" \"f\\\"g\\\\\"\n");
}

TEST(ZoneFile, EscapesMakeAnyOctet) {
  const auto zone = ReadZoneText("$TTL 1\na\\.b\\032c TXT \\000\\255\\065\\x\n\\@ A 192.0.2.1\n");
  EXPECT_EQ(zone.Text(),
            "a\\.b\\032c.example.org. 1 TXT \"\\000\\255Ax\"\n\\@.example.org. 1 A 192.0.2.1\n");
}

TEST(ZoneFile, LinesMayEndInCarriageReturnAndBeginWithAByteOrderMark) {
  const auto zone = ReadZoneText("\xef\xbb\xbf$TTL 1\r\na TXT b\r\n");
  EXPECT_EQ(zone.Text(), "a.example.org. 1 TXT \"b\"\n");
}

TEST(ZoneFile, ReadsTypesThatHaveNoNameHere) {
  const auto zone = ReadZoneText(
      "$TTL 1\na TYPE731 \\# 6 abcdef ( 01 23 45 )\nb CLASS1 TYPE62347 \\# 0\n"
      "c A \\# 4 0A000001\n");
  EXPECT_EQ(zone.Text(),
            "a.example.org. 1 TYPE731 \\# 6 ABCDEF012345\nb.example.org. 1 TYPE62347 \\# 0\n"
            "c.example.org. 1 A 10.0.0.1\n");
}

TEST(ZoneFile, TheLastLineNeedsNoNewline) {
  EXPECT_THAT(ReadZoneText("a 1 A 192.0.2.1").records, SizeIs(1));
}

// --- what is said when it is wrong ---

TEST(ZoneFileProblem, GoesOnBehindAMistakeAndPlacesEach) {
  const auto zone = ReadZoneText("$TTL 1\na A 10.0.0\nb AAA ::\nc A 192.0.2.1\n\td\n");
  EXPECT_THAT(zone.problems,
              ElementsAre("2:5: A: \"10.0.0\" is not an IPv4 address; write four numbers like "
                          "192.0.2.1",
                          StartsWith("3:3: \"AAA\" is no type"), StartsWith("5:2: \"d\" is no")));
  EXPECT_THAT(zone.records, SizeIs(1));
}

TEST(ZoneFileProblem, WhatIsMissingIsMissingAtTheEndOfTheEntry) {
  EXPECT_EQ(ReadZoneText("a 1 A").Problem(), "1:6: A: an IPv4 address is missing");
  EXPECT_THAT(ReadZoneText("a 1 IN").Problem(), StartsWith("1:7: a type and its data"));
  EXPECT_EQ(ReadZoneText("a 1 MX ( 10\n )").Problem(), "2:3: MX: a name is missing");
}

TEST(ZoneFileProblem, TooMuchDataIsPlaced) {
  EXPECT_THAT(ReadZoneText("a 1 A 192.0.2.1 x").Problem(), StartsWith("1:17: A: \"x\" is too"));
}

TEST(ZoneFileProblem, QuotesAndParenthesesThatAreNotClosed) {
  EXPECT_THAT(ReadZoneText("a 1 TXT \"b").Problem(), StartsWith("1:9: the quote is not closed"));
  EXPECT_THAT(ReadZoneText("a 1 TXT (\nb\n").Problem(), StartsWith("1:9: this parenthesis is not"));
  EXPECT_THAT(ReadZoneText("a 1 TXT b )").Problem(), StartsWith("1:11: no parenthesis is open"));
  EXPECT_THAT(ReadZoneText("a 1 TXT b\"c\"").Problem(), StartsWith("1:10: a quote inside"));
}

TEST(ZoneFileProblem, BadEscapesNamesAndOctets) {
  EXPECT_THAT(ReadZoneText("a\\256 1 A 192.0.2.1").Problem(), HasSubstr("bad escape"));
  EXPECT_THAT(ReadZoneText("a..b 1 A 192.0.2.1").Problem(), StartsWith("1:1: name \"a..b\" has"));
  EXPECT_THAT(ReadZoneText(std::string(64, 'x') + " 1 A 192.0.2.1").Problem(),
              HasSubstr("more than 63 octets"));
  EXPECT_THAT(ReadZoneText("a 1 TXT b\\").Problem(), StartsWith("1:10: nothing follows"));
  EXPECT_THAT(ReadZoneText("a 1 TXT \x01").Problem(), StartsWith("1:9: octet 1 is no text"));
}

TEST(ZoneFileProblem, OwnersTtlsAndClassesThatAreNotThere) {
  EXPECT_THAT(ReadZoneText(" 1 A 192.0.2.1").Problem(), StartsWith("1:2: there is no name above"));
  EXPECT_THAT(ReadZoneText("a A 192.0.2.1").Problem(), StartsWith("1:3: the record has no TTL"));
  EXPECT_THAT(ReadZoneText("a 1x A 192.0.2.1").Problem(), StartsWith("1:3: \"1x\" stands where a"));
  EXPECT_THAT(ReadZoneText("a 2147483648 A ::").Problem(), StartsWith("1:3: \"2147483648\""));
  EXPECT_THAT(ReadZoneText("a 1 CH TXT b").Problem(), StartsWith("1:5: class \"CH\" is not"));
  EXPECT_THAT(ReadZoneText("a 1 CLASS3 TXT b").Problem(), StartsWith("1:5: class \"CLASS3\""));
}

TEST(ZoneFileProblem, DirectivesThatAreNotKnown) {
  EXPECT_THAT(ReadZoneText("$GENERATE 1-2 a$ A 10.0.0.$").Problem(), HasSubstr("write out"));
  EXPECT_THAT(ReadZoneText("$TTL").Problem(), StartsWith("1:5: $TTL has one value"));
  EXPECT_THAT(ReadZoneText("$TTL 1 2").Problem(), StartsWith("1:8: $TTL has one value"));
  EXPECT_THAT(ReadZoneText("$INCLUDE x").Problem(), StartsWith("1:1: $INCLUDE is not possible"));
}

TEST(ZoneFileProblem, GenericDataMustHaveItsLengthAndTheFormOfItsType) {
  EXPECT_THAT(ReadZoneText("a 1 TYPE700 \\# 3 aabb").Problem(),
              StartsWith("1:16: TYPE700: \"3\" is the length, but there are 2 octets"));
  EXPECT_THAT(ReadZoneText("a 1 TYPE700 \\# 1 a").Problem(), HasSubstr("half an octet"));
  EXPECT_THAT(ReadZoneText("a 1 A \\# 3 010203").Problem(), HasSubstr("not well-formed"));
  EXPECT_THAT(ReadZoneText("a 1 TYPE700 x").Problem(), HasSubstr("\\# LENGTH HEX"));
}

TEST(ZoneFileProblem, StopsWhenTooMuchIsWrong) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a 1 A x\n";
  EXPECT_THAT(ReadZoneText(text).problems, SizeIs(ZoneFileProblems::kProblemsMax));
}

TEST(ZoneFileProblem, AnEntryIsBounded) {
  std::string text = "a 1 TXT (\n";
  for (int i = 0; i < 10; ++i) text += std::string(EntryLexer::kEntryMax / 8, 'x') + "\n";
  EXPECT_THAT(ReadZoneText(text).Problem(), HasSubstr("the entry has more than"));
}

}  // namespace
}  // namespace summon::dns
