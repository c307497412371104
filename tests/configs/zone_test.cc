// SPDX-License-Identifier: Apache-2.0
// Zones and records of the configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/rdata_text.h"
#include "tests/configs/text.h"

namespace summon::configs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string InZone(std::string_view fields) {
  return StrCat("zone { apex: \"a.test\"\n", fields, "\n}\n");
}

std::string WithRecord(std::string_view fields) {
  return InZone(StrCat("record { name: \"x.a.test\" ", fields, " }"));
}

Zone Loaded(const std::string& text) {
  const LoadOutcome outcome = LoadPure(text);
  EXPECT_TRUE(outcome.ok()) << outcome.ToString();
  return outcome.ok() ? outcome.config->zones.at(0) : Zone{};
}

// The data of the only record, as text.
std::string Data(std::string_view fields) {
  const Zone zone = Loaded(WithRecord(fields));
  if (zone.records.empty()) return "no record";
  return dns::RdataToText(zone.records[0].type, zone.records[0].data);
}

struct Case {
  const char* type;
  const char* value;  // as it stands in the file, escaped
  const char* data;
};
class ConfigRecordTypes : public testing::TestWithParam<Case> {};

TEST_P(ConfigRecordTypes, HaveValuesInPresentationFormat) {
  const Case& one = GetParam();
  EXPECT_EQ(Data(StrCat("type: ", one.type, " value: \"", one.value, "\"")), one.data);
}

INSTANTIATE_TEST_SUITE_P(
    EveryType, ConfigRecordTypes,
    testing::Values(Case{"A", "192.0.2.1", "192.0.2.1"}, Case{"NS", "ns.b.test", "ns.b.test."},
                    Case{"CNAME", "b.test.", "b.test."}, Case{"PTR", "b.test", "b.test."},
                    Case{"HINFO", "a \\\"b c\\\"", "\"a\" \"b c\""}, Case{"MX", "10 b", "10 b."},
                    Case{"RP", "a b", "a. b."}, Case{"AFSDB", "1 b", "1 b."},
                    Case{"AAAA", "2001:db8::1", "2001:db8::1"}, Case{"SRV", "1 2 3 b", "1 2 3 b."},
                    Case{"NAPTR", "1 2 s t u .", "1 2 \"s\" \"t\" \"u\" ."},
                    Case{"KX", "1 b", "1 b."}, Case{"DS", "1 13 2 ab", "1 13 2 AB"},
                    Case{"SSHFP", "4 2 ab", "4 2 AB"}, Case{"TLSA", "3 1 1 ab", "3 1 1 AB"},
                    Case{"SMIMEA", "3 1 1 ab", "3 1 1 AB"}, Case{"CDS", "0 0 0 00", "0 0 0 00"},
                    Case{"CDNSKEY", "0 3 0 AA==", "0 3 0 AA=="},
                    Case{"OPENPGPKEY", "AQID", "AQID"},
                    Case{"SVCB", "1 b alpn=h2", "1 b. alpn=\"h2\""},
                    Case{"HTTPS", "1 . port=8443", "1 . port=8443"},
                    Case{"URI", "1 2 \\\"x:y\\\"", "1 2 \"x:y\""},
                    Case{"CAA", "0 issue \\\"ca.test\\\"", "0 issue \"ca.test\""}));

// As it was before there was presentation format: nothing in it needs an escape.
TEST(ConfigRecords, TextIsTakenAsItIs) {
  EXPECT_EQ(Data("type: TXT value: \"v=spf1 -all; (\\\\x)\""), "\"v=spf1 -all; (\\\\x)\"");
}

TEST(ConfigRecords, TextThatBeginsWithAQuoteIsSeveralStrings) {
  EXPECT_EQ(Data("type: TXT value: \"\\\"a b\\\" c\""), "\"a b\" \"c\"");
}

TEST(ConfigRecords, TypesWithoutANameHaveANumber) {
  EXPECT_EQ(Data("type_number: 65280 value: \"\\\\# 2 0102\""), "\\# 2 0102");
  EXPECT_THAT(FirstError(WithRecord("type_number: 41 value: \"\\\\# 0\"")),
              HasSubstr("type_number is 41; must be"));
  EXPECT_THAT(FirstError(WithRecord("type: A type_number: 1 value: \"192.0.2.1\"")),
              HasSubstr("one of them is enough"));
}

TEST(ConfigRecords, OwnersMayBeWildcards) {
  const Zone zone =
      Loaded(InZone("record { name: \"*.W.a.test\" type: A value: \"192.0.2.1\" }"));
  EXPECT_EQ(zone.records.at(0).name, "*.w.a.test");
  EXPECT_THAT(FirstError(InZone("record { name: \"x.*.a.test\" type: A value: \"192.0.2.1\" }")),
              HasSubstr("contains \"*\""));
}

TEST(ConfigRecords, WrongValuesArePlacedAndSayHowToMend) {
  EXPECT_THAT(FirstError(WithRecord("type: MX value: \"mail.a.test\"")),
              HasSubstr("site.textproto:2:36: zone \"a.test\", record \"x.a.test\": value of MX: "
                        "\"mail.a.test\" is not a number of 0..65535"));
  EXPECT_THAT(FirstError(WithRecord("type: HTTPS value: \"1 . alpn=\"")), HasSubstr("alpn"));
}

TEST(ConfigRecords, BesideAServiceEverythingButAddressesAndAliasesMayStand) {
  const std::string record =
      "zone { apex: \"summon.test\" record { name: \"hello.summon.test\" type: ";
  const std::string service = WithService("").substr(kZone.size());
  EXPECT_EQ(FirstError(record + "MX value: \"1 b\" } }\n" + service), "no error");
  EXPECT_EQ(FirstError(record + "HTTPS value: \"1 .\" } }\n" + service), "no error");
  EXPECT_THAT(FirstError(record + "NS value: \"b\" } }\n" + service), HasSubstr("has the name of"));
}

TEST(ConfigSoa, HasDefaultsAndCanBeGiven) {
  const Zone plain = Loaded(InZone(""));
  EXPECT_EQ(plain.soa, (Soa{"ns.a.test", "hostmaster.a.test", 3600, 600, 86'400, 10, 10}));
  const Zone given = Loaded(InZone("soa { primary: \"p.b.test\" mailbox: \"me@b.test\" "
                                   "refresh_s: 60 retry_s: 10 expire_s: 600 minimum_s: 0 "
                                   "ttl_s: 5 }"));
  EXPECT_EQ(given.soa, (Soa{"p.b.test", "me.b.test", 60, 10, 600, 0, 5}));
}

TEST(ConfigSoa, TimesMustGoTogether) {
  EXPECT_THAT(FirstError(InZone("soa { expire_s: 4000 }")),
              HasSubstr("expire_s is 4000; must be more than refresh_s and retry_s together"));
  EXPECT_THAT(FirstError(InZone("admin: \"a.b\" soa { mailbox: \"a.b\" }")),
              HasSubstr("one of them is enough"));
}

TEST(ConfigNameServers, HaveAddressesOfTheirOwn) {
  const Zone zone = Loaded(InZone("name_server { name: \"ns1.a.test\" address: \"192.0.2.1\" "
                                  "address: \"2001:db8::1\" }\nname_servers: \"ns.other.test\"\n"
                                  "ns_address: \"192.0.2.9\""));
  ASSERT_EQ(zone.name_servers.size(), 2u);
  EXPECT_EQ(zone.name_servers[0].ipv6.at(0).ToString(), "2001:db8::1");
  EXPECT_THAT(zone.name_servers[1].ipv4, IsEmpty());  // not inside of the zone
  EXPECT_EQ(zone.soa.primary, "ns1.a.test");
}

TEST(ConfigNameServers, AddressesOfOthersAreRefused) {
  EXPECT_THAT(FirstError(InZone("name_server { name: \"ns.b.test\" address: \"192.0.2.1\" }")),
              HasSubstr("ns.b.test lies outside of the zone a.test"));
  EXPECT_THAT(FirstError(InZone("name_server { name: \"ns.a.test\" address: \"x\" }")),
              HasSubstr("is no IPv4 or IPv6 address"));
}

TEST(ConfigZoneFile, LeavesNoRoomForWhatTheFileSays) {
  EXPECT_EQ(Loaded(InZone("zone_file: \"z\"")).zone_file.back(), 'z');
  EXPECT_THAT(FirstError(InZone("zone_file: \"z\" name_servers: \"ns.a.test\"")),
              HasSubstr("name_servers stands in the zone_file already"));
  EXPECT_THAT(FirstError(InZone("zone_file: \"z\" soa { ttl_s: 1 }")),
              HasSubstr("soa stands in the zone_file already"));
  EXPECT_THAT(FirstError(InZone("zone_file: \"\"")), HasSubstr("zone_file is empty"));
}

TEST(ConfigTransfers, AreForNobodyUnlessToldOtherwise) {
  EXPECT_THAT(Loaded(InZone("")).allow_transfer, IsEmpty());
  const Zone zone =
      Loaded(InZone("allow_transfer: \"192.0.2.0/24\" allow_transfer: \"loopback\""));
  EXPECT_EQ(zone.allow_transfer.size(), 3u);
  EXPECT_THAT(FirstError(InZone("allow_transfer: \"192.0.2.1/24\"")), HasSubstr("192.0.2.1/24"));
}

TEST(ConfigTransfers, SecondariesAreToldAtPort53UnlessGiven) {
  const Zone zone = Loaded(InZone("notify: \"192.0.2.7\" notify: \"[2001:db8::7]:5353\""));
  EXPECT_EQ(zone.notify.at(0).ToString(), "192.0.2.7:53");
  EXPECT_EQ(zone.notify.at(1).ToString(), "[2001:db8::7]:5353");
  EXPECT_THAT(FirstError(InZone("notify: \"ns.b.test\"")), HasSubstr("notify \"ns.b.test\""));
}

TEST(ConfigHttps, IsCheckedAsARecordIs) {
  EXPECT_EQ(FirstError(WithService("https: \"1 . alpn=h2,h3\"")), "no error");
  EXPECT_THAT(FirstError(WithService("https: \"alpn=h2\"")), HasSubstr("write it like \"1 ."));
}

}  // namespace
}  // namespace summon::configs
