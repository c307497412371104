// SPDX-License-Identifier: Apache-2.0
// Strings and addresses.
#include <gtest/gtest.h>

#include <limits>

#include "base/address.h"
#include "base/strings.h"

namespace summon {
namespace {

TEST(StrCat, JoinsTextNumbersAndBools) {
  EXPECT_EQ(StrCat("a", std::string("b"), 'c', 1, -2, true, 0.5), "abc1-2true0.5");
  EXPECT_EQ(StrCat(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(StrCat(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(StrCat(static_cast<std::uint8_t>(65)), "65");
}

TEST(Hex, IsLowerCaseWithPrefix) { EXPECT_EQ(Hex(0xBEEF), "0xbeef"); }

TEST(Quote, EscapesWhatCouldForgeALine) {
  EXPECT_EQ(Quote("a\"b\\c\nd\x01\xff"), "\"a\\\"b\\\\c\\nd\\u0001\\u00ff\"");
}

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(Split("a..b", '.'), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(Split("", '.'), (std::vector<std::string_view>{""}));
}

TEST(ParseUnsigned, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(ParseUnsigned("42"), 42u);
  EXPECT_EQ(ParseUnsigned(""), std::nullopt);
  EXPECT_EQ(ParseUnsigned("-1"), std::nullopt);
  EXPECT_EQ(ParseUnsigned("42x"), std::nullopt);
  EXPECT_EQ(ParseUnsigned("18446744073709551616"), std::nullopt);
}

TEST(EditDistance, CountsInsertionsDeletionsAndChanges) {
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance(std::string(1000, 'a'), std::string(1000, 'a')), 0u);
}

TEST(NearestName, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(NearestName("dns_nam", {"name", "dns_name"}), "dns_name");
  EXPECT_EQ(NearestName("xyzzy", {"name", "dns_name"}), std::nullopt);
}

TEST(Ipv4Address, TakesFourPlainNumbersOnly) {
  EXPECT_EQ(Ipv4Address::Parse("10.77.0.10")->ToString(), "10.77.0.10");
  EXPECT_FALSE(Ipv4Address::Parse("10.77.0.256"));
  EXPECT_FALSE(Ipv4Address::Parse("10.77.0"));
  EXPECT_FALSE(Ipv4Address::Parse("10.77.0.01"));
  EXPECT_FALSE(Ipv4Address::Parse("10.77.0.1 "));
  EXPECT_FALSE(Ipv4Address::Parse(std::string_view("10.77.0.1\0", 10)));
}

TEST(Ipv6Address, RoundTripsItsShortForm) {
  EXPECT_EQ(Ipv6Address::Parse("2001:db8:0::1")->ToString(), "2001:db8::1");
  EXPECT_FALSE(Ipv6Address::Parse("2001:db8::1::"));
}

TEST(MacAddress, TakesSixPairsAndNoGroupAddress) {
  EXPECT_EQ(MacAddress::Parse("02:00:0A:4d:00:0a")->ToString(), "02:00:0a:4d:00:0a");
  EXPECT_FALSE(MacAddress::Parse("03:00:0a:4d:00:0a"));
  EXPECT_FALSE(MacAddress::Parse("02-00-0a-4d-00-0a"));
  EXPECT_FALSE(MacAddress::Parse("02:00:0a:4d:00:0"));
  EXPECT_FALSE(MacAddress::Parse("02:00:0a:4d:00:-1"));
}

}  // namespace
}  // namespace summon
