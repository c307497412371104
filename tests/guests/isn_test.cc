// SPDX-License-Identifier: Apache-2.0
// Initial sequence numbers: a secret place for each pair of ends, and a clock from there on.
#include "guests/web/isn.h"

#include <gtest/gtest.h>

namespace summon::guest::web {
namespace {

constexpr SipKey kKey{1, 2};
constexpr TcpEnds kEnds{0x0a4d000a, 0x0a4d0001, 80, 40000};
constexpr std::uint64_t kTickNs = 4000;  // RFC 6528 section 3

TEST(InitialSequence, GoesUpWithTheClockOfOnePairOfEnds) {
  const std::uint32_t first = InitialSequence(kKey, kEnds, 0);
  EXPECT_EQ(InitialSequence(kKey, kEnds, kTickNs - 1), first);
  EXPECT_EQ(InitialSequence(kKey, kEnds, 1000 * kTickNs), first + 1000);
}

TEST(InitialSequence, WrapsWithTheClock) {
  const std::uint64_t round_ns = (std::uint64_t{1} << 32) * kTickNs;
  EXPECT_EQ(InitialSequence(kKey, kEnds, round_ns), InitialSequence(kKey, kEnds, 0));
}

TEST(InitialSequence, DependsOnEveryEndAndOnTheKey) {
  const std::uint32_t one = InitialSequence(kKey, kEnds, 0);
  EXPECT_NE(InitialSequence({1, 3}, kEnds, 0), one);
  EXPECT_NE(InitialSequence(kKey, {0x0a4d000b, 0x0a4d0001, 80, 40000}, 0), one);
  EXPECT_NE(InitialSequence(kKey, {0x0a4d000a, 0x0a4d0002, 80, 40000}, 0), one);
  EXPECT_NE(InitialSequence(kKey, {0x0a4d000a, 0x0a4d0001, 81, 40000}, 0), one);
  EXPECT_NE(InitialSequence(kKey, {0x0a4d000a, 0x0a4d0001, 80, 40001}, 0), one);
}

}  // namespace
}  // namespace summon::guest::web
