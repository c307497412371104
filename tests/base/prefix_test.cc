// SPDX-License-Identifier: Apache-2.0
// Networks: what parses, what it says when it does not, and what lies inside.
#include "base/prefix.h"

#include <gtest/gtest.h>

#include "base/address.h"

namespace summon {
namespace {

bool Holds(std::string_view prefix, std::string_view address) {
  const IpPrefix parsed = IpPrefix::Parse(prefix).value();
  if (const auto v4 = Ipv4Address::Parse(address)) {
    return parsed.Contains(IpPrefix::Family::kIpv4, v4->octets.data());
  }
  return parsed.Contains(IpPrefix::Family::kIpv6, Ipv6Address::Parse(address)->octets.data());
}

std::string Refusal(std::string_view text) {
  const auto parsed = ParsePrefixes(text);
  return parsed.ok() ? "" : parsed.error().message();
}

TEST(IpPrefix, AnAddressAloneIsItselfOnly) {
  EXPECT_EQ(IpPrefix::Parse("192.0.2.1").value().ToString(), "192.0.2.1/32");
  EXPECT_EQ(IpPrefix::Parse("2001:db8::1").value().ToString(), "2001:db8::1/128");
  EXPECT_FALSE(Holds("192.0.2.1", "192.0.2.2"));
}

TEST(IpPrefix, HoldsAddressesOfItsNetworkOnly) {
  EXPECT_TRUE(Holds("172.16.0.0/12", "172.31.255.255"));
  EXPECT_FALSE(Holds("172.16.0.0/12", "172.32.0.0"));
  EXPECT_TRUE(Holds("2001:db8::/33", "2001:db8:7fff::"));
  EXPECT_FALSE(Holds("2001:db8::/33", "2001:db8:8000::"));
}

TEST(IpPrefix, OfNoLengthHoldsItsFamilyOnly) {
  EXPECT_TRUE(Holds("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(Holds("0.0.0.0/0", "::"));
}

TEST(IpPrefix, BitsBeyondTheLengthAreASlipAndTheNetworkIsNamed) {
  EXPECT_EQ(Refusal("10.1.2.3/8"),
            "\"10.1.2.3/8\" has bits beyond its length; \"10.0.0.0/8\" is the network that it "
            "lies in");
}

TEST(IpPrefix, SaysWhatIsExpected) {
  EXPECT_NE(Refusal("lan").find("expected ADDRESS/LENGTH"), std::string::npos);
  EXPECT_NE(Refusal("10.0.0.0/33").find("not a number of 0..32"), std::string::npos);
  EXPECT_NE(Refusal("10.0.0.0/").find("not a number"), std::string::npos);
  EXPECT_NE(Refusal("").find("neither"), std::string::npos);
}

TEST(IpPrefix, WordsStandForSeveral) {
  EXPECT_EQ(ParsePrefixes("any").value().size(), 2u);
  EXPECT_TRUE(ParsePrefixes("none").value().empty());
  EXPECT_EQ(ParsePrefixes("loopback").value().size(), 2u);
  EXPECT_EQ(ParsePrefixes("local").value().size(), 8u);
}

}  // namespace
}  // namespace summon
