// SPDX-License-Identifier: Apache-2.0
// Words, relative names and periods.
#include "dns/presentation.h"

#include <gtest/gtest.h>

namespace summon::dns {
namespace {

std::string Completed(std::string_view text, std::string_view origin) {
  const auto name = ParseRelativeName({text, false, {}}, Name::Parse(origin).value());
  return name.ok() ? name->ToText() : name.error().message();
}

TEST(RelativeName, IsCompletedUnlessItEndsInADot) {
  EXPECT_EQ(Completed("a", "example.org"), "a.example.org.");
  EXPECT_EQ(Completed("a.", "example.org"), "a.");
  EXPECT_EQ(Completed("a\\.", "example.org"), "a\\..example.org.");
  EXPECT_EQ(Completed("@", "example.org"), "example.org.");
  EXPECT_EQ(Completed("a", "."), "a.");
  EXPECT_EQ(Completed(".", "example.org"), ".");
}

TEST(RelativeName, IsBoundedWithItsOrigin) {
  const std::string label(60, 'x');
  const std::string origin = label + "." + label + "." + label + "." + label;
  EXPECT_NE(Completed(std::string(20, 'y'), origin).find("with its origin"), std::string::npos);
  EXPECT_EQ(Completed(std::string(9, 'y'), origin).size(), std::string(9, 'y').size() + 1 + 4 * 61);
}

TEST(Period, IsSecondsOrASumOfUnits) {
  EXPECT_EQ(ParsePeriod("0"), 0u);
  EXPECT_EQ(ParsePeriod("1w1d1h1m1s"), 604'800u + 86'400u + 3'600u + 60u + 1u);
  EXPECT_EQ(ParsePeriod("4294967295"), 0xffff'ffffu);
  EXPECT_EQ(ParsePeriod("4294967296"), std::nullopt);
  EXPECT_EQ(ParsePeriod("99999999w"), std::nullopt);
  EXPECT_EQ(ParsePeriod("1x"), std::nullopt);
  EXPECT_EQ(ParsePeriod("h"), std::nullopt);
  EXPECT_EQ(ParsePeriod(""), std::nullopt);
}

}  // namespace
}  // namespace summon::dns
