// SPDX-License-Identifier: Apache-2.0
// Shares of answers: what a network gets, who is told apart, what goes out instead.
#include "dns/rate_limit.h"

#include <gtest/gtest.h>

#include "dns/authority.h"
#include "tests/dns/sample_zones.h"
#include "tests/dns/wire.h"

namespace summon::dns {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = RateLimiter::Verdict;

constexpr SipKey kKey{1, 2};
constexpr Instant kStart = InstantFromNanos(1'000'000'000);

Endpoint From(std::string_view address) {
  return Endpoint::Parse(std::string(address) + ":1053").value();
}
const Endpoint kClient = From("192.0.2.1");
constexpr RateLimiter::Answer kPositive{AnswerClass::kPositive, 7};

// How many of `count` answers at one moment go out in full.
int Sent(RateLimiter& limiter, const Endpoint& client, const RateLimiter::Answer& answer,
         Instant now, int count) {
  int sent = 0;
  for (int i = 0; i < count; ++i) {
    sent += limiter.Judge(client, answer, now) == Verdict::kSend ? 1 : 0;
  }
  return sent;
}

TEST(RateLimiter, AQuietNetworkHasItsBurst) {
  RateLimiter limiter({}, kKey);
  EXPECT_EQ(Sent(limiter, kClient, kPositive, kStart, 1000), 40);
}

TEST(RateLimiter, AfterTheBurstTheRateIsExact) {
  RateLimiter limiter({}, kKey);
  (void)Sent(limiter, kClient, kPositive, kStart, 1000);
  int sent = 0;
  for (int i = 1; i <= 10'000; ++i) {  // 10 s, one question each millisecond
    sent += Sent(limiter, kClient, kPositive, kStart + milliseconds(i), 1);
  }
  EXPECT_EQ(sent, 200);
}

TEST(RateLimiter, EachClassHasItsOwnShare) {
  RateLimiter limiter({}, kKey);
  EXPECT_EQ(Sent(limiter, kClient, {AnswerClass::kPositive, 7}, kStart, 1000), 40);
  EXPECT_EQ(Sent(limiter, kClient, {AnswerClass::kNoData, 7}, kStart, 1000), 40);
  EXPECT_EQ(Sent(limiter, kClient, {AnswerClass::kNxDomain, 7}, kStart, 1000), 20);
  EXPECT_EQ(Sent(limiter, kClient, {AnswerClass::kError, 7}, kStart, 1000), 10);
}

TEST(RateLimiter, EachNameHasItsOwnShare) {
  RateLimiter limiter({}, kKey);
  EXPECT_EQ(Sent(limiter, kClient, {AnswerClass::kPositive, 7}, kStart, 1000), 40);
  EXPECT_EQ(Sent(limiter, kClient, {AnswerClass::kPositive, 8}, kStart, 1000), 40);
}

TEST(RateLimiter, AddressesOfOneNetworkShare) {
  RateLimiter limiter({}, kKey);
  EXPECT_EQ(Sent(limiter, From("192.0.2.1"), kPositive, kStart, 1000), 40);
  EXPECT_EQ(Sent(limiter, From("192.0.2.254"), kPositive, kStart, 1000), 0);
  EXPECT_EQ(Sent(limiter, From("192.0.3.1"), kPositive, kStart, 1000), 40);
  EXPECT_EQ(Sent(limiter, From("[2001:db8:0:1200::1]"), kPositive, kStart, 1000), 40);
  EXPECT_EQ(Sent(limiter, From("[2001:db8:0:12ff::2]"), kPositive, kStart, 1000), 0);
  EXPECT_EQ(Sent(limiter, From("[2001:db8:0:1300::1]"), kPositive, kStart, 1000), 40);
}

TEST(RateLimiter, EverySecondSuppressedAnswerSlips) {
  RateLimiter limiter({}, kKey);
  (void)Sent(limiter, kClient, kPositive, kStart, 40);
  EXPECT_EQ(limiter.Judge(kClient, kPositive, kStart), Verdict::kDrop);
  EXPECT_EQ(limiter.Judge(kClient, kPositive, kStart), Verdict::kSlip);
  EXPECT_EQ(limiter.Judge(kClient, kPositive, kStart), Verdict::kDrop);
  EXPECT_EQ(limiter.Judge(kClient, kPositive, kStart), Verdict::kSlip);
}

TEST(RateLimiter, SlipOfZeroNeverSlipsAndOfOneAlways) {
  RateLimiter never({.slip = 0}, kKey);
  RateLimiter always({.slip = 1}, kKey);
  (void)Sent(never, kClient, kPositive, kStart, 40);
  (void)Sent(always, kClient, kPositive, kStart, 40);
  EXPECT_EQ(never.Judge(kClient, kPositive, kStart), Verdict::kDrop);
  EXPECT_EQ(always.Judge(kClient, kPositive, kStart), Verdict::kSlip);
}

TEST(RateLimiter, ARateOfZeroIsNoLimit) {
  RateLimiter limiter({.per_second = {0, 20, 10, 5}}, kKey);
  EXPECT_EQ(Sent(limiter, kClient, kPositive, kStart, 1000), 1000);
}

TEST(RateLimiter, ExemptNetworksAreNotLimited) {
  RateLimitOptions options;
  options.exempt = PrefixList(ParsePrefixes("loopback").value());
  const RateLimiter limiter(options, kKey);
  EXPECT_FALSE(limiter.Limits(From("127.0.0.1")));
  EXPECT_TRUE(limiter.Limits(kClient));
}

TEST(RateLimiter, AClockThatGoesBackGivesNothing) {
  RateLimiter limiter({}, kKey);
  (void)Sent(limiter, kClient, kPositive, kStart, 40);
  EXPECT_EQ(Sent(limiter, kClient, kPositive, kStart - seconds(1), 100), 0);
}

TEST(RateLimiter, ALongSilenceFillsTheBurstAndNoMore) {
  RateLimiter limiter({}, kKey);
  (void)Sent(limiter, kClient, kPositive, kStart, 40);
  EXPECT_EQ(Sent(limiter, kClient, kPositive, kStart + std::chrono::hours(24), 1000), 40);
}

// Milliseconds are kept in 32 bits, which wrap after 49.7 days.
TEST(RateLimiter, TheWrapOfTheStampIsNotSeen) {
  RateLimiter limiter({}, kKey);
  const Instant before = InstantFromNanos(0xffff'ffff * std::int64_t{1'000'000});
  (void)Sent(limiter, kClient, kPositive, before, 40);
  EXPECT_EQ(Sent(limiter, kClient, kPositive, before + milliseconds(500), 1000), 10);
}

TEST(RateLimiter, ManyNetworksDoNotFreeOneThatIsOverItsShare) {
  RateLimiter limiter({}, kKey);
  (void)Sent(limiter, kClient, kPositive, kStart, 40);
  int again = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) {  // a sixth of the table, in between
    const Endpoint other = Endpoint::Ipv4(
        Ipv4Address{{11, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1}}, 53);
    (void)limiter.Judge(other, kPositive, kStart + milliseconds(1));
    again += Sent(limiter, kClient, kPositive, kStart + milliseconds(1), 1);
  }
  EXPECT_EQ(again, 0);
}

class Answers : public testing::Test {
 protected:
  Response Ask(std::string_view name, RrType type) {
    const auto packet = test::EdnsQuery(name, type, {.dnssec_ok = true});
    const Verdict verdict = ParseQuery(packet, test::FromClient(Transport::kUdp));
    query_ = std::get<Query>(verdict);
    return WriteAnswer(zones_.table(), query_, {}, space_);
  }

  using Verdict = dns::Verdict;
  test::SampleZones zones_;
  Query query_;
  std::array<std::uint8_t, kUdpSpace> space_{};
  std::array<std::uint8_t, kUdpSizeMin> slip_space_{};
};

TEST_F(Answers, AreClassedByWhatTheyHold) {
  EXPECT_EQ(AnswerClassOf(Ask("hello.summon.test", RrType::kA)), AnswerClass::kPositive);
  EXPECT_EQ(AnswerClassOf(Ask("hello.summon.test", RrType::kAaaa)), AnswerClass::kNoData);
  EXPECT_EQ(AnswerClassOf(Ask("a.sub.summon.test", RrType::kA)), AnswerClass::kNoData);
  EXPECT_EQ(AnswerClassOf(Ask("nothing.summon.test", RrType::kA)), AnswerClass::kNxDomain);
  EXPECT_EQ(AnswerClassOf(Ask("elsewhere.example", RrType::kA)), AnswerClass::kError);
}

TEST_F(Answers, OfOneWildcardAreAboutOneSubject) {
  const std::uint64_t one = Ask("one.wild.summon.test", RrType::kA).subject;
  EXPECT_EQ(Ask("two.wild.summon.test", RrType::kA).subject, one);
  EXPECT_NE(Ask("hello.summon.test", RrType::kA).subject, one);
}

TEST_F(Answers, ThatThereIsNoneAreAboutTheZone) {
  const std::uint64_t one = Ask("one.summon.test", RrType::kA).subject;
  EXPECT_EQ(Ask("two.summon.test", RrType::kTxt).subject, one);
  EXPECT_NE(Ask("one.inner.summon.test", RrType::kA).subject, one);
}

TEST_F(Answers, SlipAsAnEmptyTruncatedAnswerToTheSameQuestion) {
  const Response full = Ask("HeLLo.summon.test", RrType::kA);
  const Response slip = MakeSlip(full, slip_space_);
  const auto answer = test::ReadAnswer(slip.bytes);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->flags & 0x0200);  // TC
  EXPECT_EQ(answer->rcode, 0);
  EXPECT_EQ(answer->id, 0x1234);
  EXPECT_TRUE(answer->answers.empty() && answer->authorities.empty());
  EXPECT_EQ(answer->question->ToText(), "HeLLo.summon.test.");
  ASSERT_TRUE(answer->opt);
  EXPECT_TRUE(answer->opt->rdata.empty());
  EXPECT_TRUE(slip.truncated);
  EXPECT_LT(slip.bytes.size(), full.bytes.size());
}

TEST_F(Answers, OfAnErrorSlipWithoutTheError) {
  const Response slip = MakeSlip(Ask("nothing.summon.test", RrType::kA), slip_space_);
  EXPECT_EQ(test::ReadAnswer(slip.bytes)->rcode, 0);
}

TEST_F(Answers, WithoutEdnsSlipWithoutEdns) {
  const auto packet = test::PlainQuery("hello.summon.test", RrType::kA);
  const Verdict verdict = ParseQuery(packet, test::FromClient(Transport::kUdp));
  const Response full =
      WriteAnswer(zones_.table(), std::get<Query>(verdict), {}, space_);
  const auto answer = test::ReadAnswer(MakeSlip(full, slip_space_).bytes);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->opt);
}

// A header that nothing else could be read of, answered FORMERR without a question.
TEST_F(Answers, WithoutAQuestionSlipAsAHeader) {
  const test::Packet packet = test::Message().Header(0, {}).bytes();
  const Verdict verdict = ParseQuery(packet, test::FromClient(Transport::kUdp));
  const Response full = WriteRejection(std::get<Rejection>(verdict), space_);
  EXPECT_EQ(MakeSlip(full, slip_space_).bytes.size(), kHeaderSize);
}

}  // namespace
}  // namespace summon::dns
