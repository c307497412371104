// SPDX-License-Identifier: Apache-2.0
// The keyed hash against the vectors of its authors.
#include "base/siphash.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace summon {
namespace {

constexpr SipKey kPaperKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

TEST(SipHash, MatchesTheVectorOfThePaper) {
  // Appendix A: key 00..0f, message 00..0e.
  std::array<std::uint8_t, 15> message;
  std::iota(message.begin(), message.end(), std::uint8_t{0});
  EXPECT_EQ(SipHash24(kPaperKey, message), 0xa129ca6149be45e5u);
}

TEST(SipHash, MatchesTheReferenceForNothingAndForAWholeWord) {
  // vectors.h of the reference implementation, the entries of 0 and 8 bytes.
  std::array<std::uint8_t, 8> message;
  std::iota(message.begin(), message.end(), std::uint8_t{0});
  EXPECT_EQ(SipHash24(kPaperKey, {}), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(SipHash24(kPaperKey, message), 0x93f5f5799a932462u);
}

// The first two vectors of the authors' vectors.h for SipHash-1-3 (github.com/veorq/SipHash).
TEST(SipHash, TheQuickFormMatchesItsReference) {
  const std::vector<std::uint8_t> zero = {0};
  EXPECT_EQ(SipHash13(kPaperKey, {}), 0xabac0158050fc4dcu);
  EXPECT_EQ(SipHash13(kPaperKey, zero), 0xc9f49bf37d57ca93u);
}

}  // namespace
}  // namespace summon
