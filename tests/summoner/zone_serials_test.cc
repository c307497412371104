// SPDX-License-Identifier: Apache-2.0
// Serials by RFC 1982.
#include "summoner/daemon/zone_serials.h"

#include <gtest/gtest.h>

namespace summon::summoner {
namespace {

TEST(ZoneSerials, LaterIsByRfc1982) {
  EXPECT_TRUE(ZoneSerials::IsLater(1, 0));
  EXPECT_TRUE(ZoneSerials::IsLater(0, 0xffff'ffff));
  EXPECT_FALSE(ZoneSerials::IsLater(0, 1));
  EXPECT_FALSE(ZoneSerials::IsLater(5, 5));
}

TEST(ZoneSerials, StayWhileTheZoneDoes) {
  ZoneSerials serials;
  EXPECT_EQ(serials.Next("a", "x", 100), 100u);
  EXPECT_EQ(serials.Next("a", "x", 200), 100u);
  EXPECT_EQ(serials.Next("b", "x", 200), 200u);
}

TEST(ZoneSerials, MoveToTheTimeOfTheChange) {
  ZoneSerials serials;
  (void)serials.Next("a", "x", 100);
  EXPECT_EQ(serials.Next("a", "y", 200), 200u);
}

TEST(ZoneSerials, NeverGoBackWhateverTheClockDoes) {
  ZoneSerials serials;
  (void)serials.Next("a", "x", 100);
  EXPECT_EQ(serials.Next("a", "y", 100), 101u);
  EXPECT_EQ(serials.Next("a", "z", 50), 102u);
}

TEST(ZoneSerials, WrapAround) {
  ZoneSerials serials;
  (void)serials.Next("a", "x", 0xffff'ffff);
  EXPECT_EQ(serials.Next("a", "y", 0xffff'fff0), 0u);
}

}  // namespace
}  // namespace summon::summoner
