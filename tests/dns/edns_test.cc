// SPDX-License-Identifier: Apache-2.0
// EDNS options: what is read, what is refused, and what an answer's OPT holds.
#include "dns/edns.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using test::FromHex;
using test::Packet;
using test::ToHex;

struct Row {
  const char* name;
  const char* options;  // hexadecimal
  std::optional<OptionFault> fault;
};
class OptionForm : public testing::TestWithParam<Row> {};

TEST_P(OptionForm, IsJudged) {
  Edns edns;
  EXPECT_EQ(ReadOptions(FromHex(GetParam().options), edns), GetParam().fault);
}

constexpr auto kNone = std::optional<OptionFault>();
INSTANTIATE_TEST_SUITE_P(
    Rfc6891Section6_1_2, OptionForm,
    testing::Values(Row{"Nothing", "", kNone}, Row{"Unknown", "fde9 0003 010203", kNone},
                    Row{"UnknownEmpty", "fde9 0000", kNone},
                    Row{"HalfACode", "fd", OptionFault::kForm},
                    Row{"NoLength", "fde9 00", OptionFault::kForm},
                    Row{"ShortValue", "fde9 0004 010203", OptionFault::kForm},
                    Row{"SecondOneShort", "fde9 0000 fde9 0001", OptionFault::kForm}),
    [](const auto& row) { return row.param.name; });
INSTANTIATE_TEST_SUITE_P(
    Rfc7873Section5_2_2, OptionForm,
    testing::Values(Row{"ClientOnly", "000a 0008 0102030405060708", kNone},
                    Row{"ClientShort", "000a 0007 01020304050607", OptionFault::kCookie},
                    Row{"Empty", "000a 0000", OptionFault::kCookie},
                    Row{"ServerShort", "000a 000f 010203040506070801020304050607",
                        OptionFault::kCookie},
                    Row{"ServerShortest", "000a 0010 01020304050607080102030405060708", kNone},
                    Row{"ServerLongest",
                        "000a 0028 0102030405060708"
                        "0102030405060708010203040506070801020304050607080102030405060708",
                        kNone},
                    Row{"ServerLong",
                        "000a 0029 0102030405060708"
                        "010203040506070801020304050607080102030405060708010203040506070800",
                        OptionFault::kCookie}),
    [](const auto& row) { return row.param.name; });
INSTANTIATE_TEST_SUITE_P(
    Rfc7871Section6, OptionForm,
    testing::Values(Row{"Ipv4", "0008 0007 0001 18 00 c00002", kNone},
                    Row{"Ipv4Whole", "0008 0008 0001 20 00 c0000201", kNone},
                    Row{"Ipv4Nobody", "0008 0004 0001 00 00", kNone},
                    Row{"Ipv6", "0008 000b 0002 38 00 20010db8000000", kNone},
                    Row{"FamilyNone", "0008 0004 0000 00 00", kNone},
                    Row{"FamilyUnknown", "0008 0005 0003 08 00 01", kNone},
                    Row{"TooFewOctets", "0008 0006 0001 18 00 c000", OptionFault::kClientSubnet},
                    Row{"TooManyOctets", "0008 0008 0001 18 00 c0000201",
                        OptionFault::kClientSubnet},
                    Row{"BitsBeyondThePrefix", "0008 0007 0001 17 00 c00001",
                        OptionFault::kClientSubnet},
                    Row{"ScopeInAQuery", "0008 0007 0001 18 18 c00002", OptionFault::kClientSubnet},
                    Row{"PrefixTooLong", "0008 0009 0001 21 00 c000020100",
                        OptionFault::kClientSubnet},
                    Row{"NoPrefix", "0008 0002 0001", OptionFault::kClientSubnet}),
    [](const auto& row) { return row.param.name; });

TEST(ReadOptions, KeepsTheClientSubnet) {
  Edns edns;
  ASSERT_EQ(ReadOptions(FromHex("0008 0007 0001 16 00 c00004"), edns), kNone);
  ASSERT_TRUE(edns.client_subnet.has_value());
  EXPECT_EQ(edns.client_subnet->family, ClientSubnet::Family::kIpv4);
  EXPECT_EQ(edns.client_subnet->prefix_length, 22);
  EXPECT_EQ(edns.client_subnet->address[2], 4);
  EXPECT_EQ(edns.client_subnet->address[3], 0);
}

// RFC 7873 section 5.2: the first of several counts.
TEST(ReadOptions, TheFirstCookieCounts) {
  Edns edns;
  ASSERT_EQ(ReadOptions(FromHex("000a 0008 0102030405060708 000a 0008 ffffffffffffffff"), edns),
            kNone);
  EXPECT_EQ(edns.cookie->client[0], 1);
  EXPECT_EQ(edns.cookie_state, CookieState::kClientOnly);
}

// RFC 5001 section 2.2: a payload in a query means nothing.
TEST(ReadOptions, HearsWhatIsWanted) {
  Edns edns;
  ASSERT_EQ(ReadOptions(FromHex("0003 0002 abcd 000b 0000 000c 0003 000000"), edns), kNone);
  EXPECT_TRUE(edns.nsid_wanted);
  EXPECT_TRUE(edns.keepalive_wanted);
  EXPECT_TRUE(edns.padding_wanted);
}

TEST(Nsid, HasABound) {
  EXPECT_TRUE(Nsid::FromText(std::string(Nsid::kSizeMax, 'x')).has_value());
  EXPECT_FALSE(Nsid::FromText(std::string(Nsid::kSizeMax + 1, 'x')).has_value());
}

TEST(WriteOpt, HoldsAllThatTheServerSays) {
  const Edns asked{.dnssec_ok = true, .cookie = Cookie{.client = {1, 2, 3, 4, 5, 6, 7, 8}}};
  const EdnsReply reply{.udp_size = 1400,
                        .keepalive = 100,
                        .has_cookie = true,
                        .cookie = {0xaa},
                        .nsid = *Nsid::FromText("ns1")};
  std::array<std::uint8_t, 512> space;
  OptContent content{.asked = asked, .reply = reply, .rcode = Rcode::kBadCookie};
  content.error = ExtendedError{EdeCode::kNotReady, "hm"};
  const std::size_t size = WriteOpt(space, content);
  EXPECT_EQ(ToHex(Bytes(space.data(), size)),
            "00" "0029" "0578" "01" "00" "8000" "0031"
            "000a" "0018" "0102030405060708" "aa000000000000000000000000000000"
            "0003" "0003" "6e7331"
            "000b" "0002" "0064"
            "000f" "0004" "000e" "686d");
}

TEST(WriteOpt, LeavesOutTextsAndErrorsThatDoNotFit) {
  const Edns asked;
  const EdnsReply reply;
  OptContent content{.asked = asked, .reply = reply};
  content.error = ExtendedError{EdeCode::kNotReady, "text"};
  std::array<std::uint8_t, 64> space;
  EXPECT_EQ(WriteOpt(std::span(space).first(kOptHeadSize), content), kOptHeadSize);
  EXPECT_EQ(WriteOpt(std::span(space).first(kOptHeadSize + 6), content), kOptHeadSize + 6);
  EXPECT_EQ(WriteOpt(std::span(space).first(kOptHeadSize + 10), content), kOptHeadSize + 10);
}

struct PaddingRow {
  const char* name;
  std::size_t before;
  bool encrypted;
  std::size_t whole;  // octets of the message with OPT
};
class Padding : public testing::TestWithParam<PaddingRow> {};

TEST_P(Padding, FillsBlocks) {
  const Edns asked{.padding_wanted = true};
  const EdnsReply reply;
  OptContent content{.asked = asked, .reply = reply};
  content.before = GetParam().before;
  content.encrypted = GetParam().encrypted;
  std::array<std::uint8_t, 1'000> space;
  EXPECT_EQ(GetParam().before + WriteOpt(space, content), GetParam().whole);
}

// OPT and the head of the option are 15 octets.
INSTANTIATE_TEST_SUITE_P(
    Rfc8467Section4_1, Padding,
    testing::Values(PaddingRow{"OneBlock", 40, true, 468}, PaddingRow{"Exactly", 453, true, 468},
                    PaddingRow{"OneOver", 454, true, 936},
                    PaddingRow{"NeverInTheClear", 40, false, 51}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace summon::dns
