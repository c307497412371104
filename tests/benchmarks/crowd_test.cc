// SPDX-License-Identifier: Apache-2.0
// The crowd's DNS and its accounts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "benchmarks/crowd/crowd.h"
#include "benchmarks/crowd/question.h"
#include "benchmarks/crowd/town.h"

namespace summon::benchmarks {
namespace {

using testing::HasSubstr;

// The question turned into an answer with one A record, 10.78.1.2, as RFC 1035 section 4 has it.
std::vector<std::uint8_t> AnswerTo(std::vector<std::uint8_t> question) {
  question[2] |= 0x80;  // QR
  question[7] = 1;      // ANCOUNT
  const std::uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 78, 1, 2};
  question.insert(question.end(), std::begin(record), std::end(record));
  return question;
}

TEST(Question, AnswerHasItsIdAndAddress) {
  const auto answer = ReadAnswer(AnswerTo(MakeQuestion("s1.summon.test", 0x1234)));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->id, 0x1234);
  EXPECT_EQ(answer->rcode, 0);
  EXPECT_EQ(answer->address, 0x02014e0au);  // network byte order
}

TEST(Question, RefusalHasNoAddress) {
  auto refusal = MakeQuestion("s1.summon.test", 7);
  refusal[2] |= 0x80;
  refusal[3] |= 2;  // SERVFAIL
  const auto answer = ReadAnswer(refusal);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->rcode, 2);
  EXPECT_FALSE(answer->address.has_value());
}

TEST(Question, QueryAndNonsenseAreNoAnswers) {
  EXPECT_FALSE(ReadAnswer(MakeQuestion("s1.summon.test", 7)).has_value());
  const std::uint8_t nonsense[] = {1, 2, 3};
  EXPECT_FALSE(ReadAnswer(nonsense).has_value());
}

std::vector<Outcome> SomeOutcomes() {
  return {
      {.fate = Fate::kServed, .answer_us = 10, .first_byte_us = 20, .asks = 1},
      {.fate = Fate::kServed, .answer_us = 10, .first_byte_us = 2e6, .asks = 2, .retransmits = 1},
      {.fate = Fate::kRefused, .answer_us = 10, .asks = 1},
      {.fate = Fate::kNoAnswer, .asks = 5},
      {.fate = Fate::kBroken, .answer_us = 10, .error = 104, .asks = 1}};
}

TEST(FatesText, CountsEveryFate) {
  EXPECT_EQ(FatesText("it", SomeOutcomes()),
            "it: 5 visits, 2 served (1 of them after more than 1000 ms), 1 refused, 1 without "
            "answer, 1 broken, 0 without page; 2 asked again, 1 sent segments again\n");
}

TEST(SeriesOf, ServedAreSamplesAndTheOthersFailuresThatSayWhy) {
  const Series series = SeriesOf("it", SomeOutcomes());
  EXPECT_EQ(series.samples.size(), 2u);
  ASSERT_EQ(series.failures.size(), 3u);
  EXPECT_THAT(series.failures[2], HasSubstr("reset"));
}

TEST(SendCrowd, MoreVisitsThanIdsAreRefused) {
  EXPECT_FALSE(SendCrowd({}, std::vector<Visit>(kVisitsMax + 1)).ok());
}

TEST(CheckRoomFor, SaysWhatIsShortAndHowToMendIt) {
  const Status room = CheckRoomFor({.services = 4000});
  ASSERT_FALSE(room.ok());
  EXPECT_THAT(room.error().message(), HasSubstr("4000 services need"));
}

}  // namespace
}  // namespace summon::benchmarks
