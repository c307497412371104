// SPDX-License-Identifier: Apache-2.0
// How long answers and failures are kept, and what goes when there is no room.
#include "dns/forward/cache.h"

#include <gtest/gtest.h>

#include "tests/dns/forward/replies.h"

namespace summon::dns::forward {
namespace {

using std::chrono::seconds;
using test::A;

constexpr SipKey kKey{1, 2};
constexpr Instant kStart = InstantFromNanos(1'000'000'000'000);

CachedAnswer AnswerOf(std::uint32_t ttl) {
  const Outcome outcome = test::Answered(
      "a.example", RrType::kA, {.answers = {A("a.example", {192, 0, 2, 1}, ttl)}});
  return {outcome.message, outcome.reply};
}

TEST(ForwardCache, AnAnswerIsFreshForItsTtl) {
  Cache cache({}, kKey);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  EXPECT_TRUE(cache.Find("a", kStart + seconds(59))->FreshAt(kStart + seconds(59)));
  EXPECT_FALSE(cache.Find("a", kStart + seconds(60))->FreshAt(kStart + seconds(60)));
  EXPECT_EQ(cache.Find("a", kStart + seconds(20))->Age(kStart + seconds(20)), 20u);
}

TEST(ForwardCache, AStaleAnswerIsKeptForItsBoundAndNotLonger) {
  Cache cache({.stale_max_s = 100}, kKey);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  EXPECT_NE(cache.Find("a", kStart + seconds(159)), nullptr);
  EXPECT_EQ(cache.Find("a", kStart + seconds(160)), nullptr);
  EXPECT_EQ(cache.entries(), 0u);
}

TEST(ForwardCache, NoTtlMeansNotKept) {
  Cache cache({}, kKey);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  cache.StoreAnswer("a", AnswerOf(0), kStart);
  EXPECT_EQ(cache.Find("a", kStart), nullptr);
}

TEST(ForwardCache, TtlsAreCapped) {
  Cache cache({.ttl_max_s = 10}, kKey);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  EXPECT_EQ(cache.Find("a", kStart)->Remaining(kStart), 10u);
}

TEST(ForwardCache, NegativeTtlsHaveACapOfTheirOwn) {
  Cache cache({.negative_ttl_max_s = 7}, kKey);
  const Outcome outcome = test::Answered(
      "a.example", RrType::kA, {.authorities = {test::SoaOf("example", 900, 900)}});
  cache.StoreAnswer("a", {outcome.message, outcome.reply}, kStart);
  EXPECT_EQ(cache.Find("a", kStart)->Remaining(kStart), 7u);
}

// RFC 9520 section 3.2.
TEST(ForwardCache, FailuresAreKeptLongerEachTimeUpToFiveSeconds) {
  Cache cache({}, kKey);
  Instant now = kStart;
  for (const int expected : {1, 2, 4, 5, 5}) {
    cache.StoreFailure("a", EdeCode::kNetworkError, now);
    const Cache::Entry* entry = cache.Find("a", now);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->failure->until - now, Duration(seconds(expected)));
    now = entry->failure->until;
  }
}

TEST(ForwardCache, AnAnswerForgetsFailures) {
  Cache cache({}, kKey);
  cache.StoreFailure("a", EdeCode::kNetworkError, kStart);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  EXPECT_FALSE(cache.Find("a", kStart)->failure);
}

TEST(ForwardCache, AFailureLeavesTheStaleAnswerWhereItIs) {
  Cache cache({}, kKey);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  cache.StoreFailure("a", EdeCode::kNetworkError, kStart + seconds(70));
  EXPECT_TRUE(cache.Find("a", kStart + seconds(70))->answer);
}

TEST(ForwardCache, TheLongestUnusedGoesWhenThereAreTooMany) {
  Cache cache({.entries_max = 2}, kKey);
  cache.StoreAnswer("a", AnswerOf(60), kStart);
  cache.StoreAnswer("b", AnswerOf(60), kStart);
  (void)cache.Find("a", kStart);  // used
  cache.StoreAnswer("c", AnswerOf(60), kStart);
  EXPECT_NE(cache.Find("a", kStart), nullptr);
  EXPECT_EQ(cache.Find("b", kStart), nullptr);
  EXPECT_EQ(cache.evicted(), 1u);
}

TEST(ForwardCache, NeverHoldsMoreOctetsThanItMay) {
  Cache cache({.octets_max = 5'000}, kKey);
  for (int i = 0; i < 100; ++i) {
    cache.StoreAnswer("name" + std::to_string(i), AnswerOf(60), kStart);
    EXPECT_LE(cache.octets(), 5'000u);
  }
  EXPECT_GT(cache.entries(), 1u);
  EXPECT_LT(cache.entries(), 10u);
}

TEST(ForwardCache, OnlyTheLastTenthOfItsTimeIsNearTheEnd) {
  Cache cache({}, kKey);
  cache.StoreAnswer("a", AnswerOf(100), kStart);
  const Cache::Entry* entry = cache.Find("a", kStart);
  EXPECT_FALSE(entry->NearEnd(kStart + seconds(89)));
  EXPECT_TRUE(entry->NearEnd(kStart + seconds(90)));
  EXPECT_FALSE(entry->NearEnd(kStart + seconds(100)));
}

TEST(RewriteTtls, SubtractsTheAgeAndNeverGoesBelowZero) {
  const CachedAnswer answer = AnswerOf(60);
  std::vector<std::uint8_t> records(
      answer.message.begin() + static_cast<long>(answer.reply.records_at), answer.message.end());
  const std::size_t ttl_at = records.size() - 4 - 2 - 1;  // before the length and four octets
  RewriteTtls(answer, {.age = 20, .fixed = {}}, records);
  EXPECT_EQ(records[ttl_at], 40);
  RewriteTtls(answer, {.age = 61, .fixed = {}}, records);
  EXPECT_EQ(records[ttl_at], 0);
  RewriteTtls(answer, {.fixed = 30}, records);
  EXPECT_EQ(records[ttl_at], 30);
}

}  // namespace
}  // namespace summon::dns::forward
