// SPDX-License-Identifier: Apache-2.0
// Questions of the DNS benchmark against the zone that they are about, and its sender against a
// server that answers them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "benchmarks/dns/blast.h"
#include "benchmarks/dns/questions.h"
#include "dns/udp.h"

namespace summon::benchmarks {
namespace {

using testing::HasSubstr;

using Octets = std::vector<std::uint8_t>;

Octets AnswerTo(const Question& question, std::uint8_t rcode, std::uint8_t records) {
  Octets answer = question.packet;
  answer[2] = 0x80;
  answer[3] = rcode;
  answer[7] = records;
  return answer;
}

TEST(Questions, AreTheSameInEveryRun) {
  const auto first = MakeQuestions({.names = 10, .count = 100, .mix = Mix::kMixed});
  const auto second = MakeQuestions({.names = 10, .count = 100, .mix = Mix::kMixed});
  const auto same = [](const Question& a, const Question& b) { return a.packet == b.packet; };
  EXPECT_TRUE(std::equal(first.begin(), first.end(), second.begin(), second.end(), same));
}

TEST(Questions, AMixHasAllKinds) {
  const auto questions = MakeQuestions({.names = 10, .count = 10'000, .mix = Mix::kMixed});
  const auto hits = std::count_if(questions.begin(), questions.end(),
                                  [](const Question& question) { return question.has_answer; });
  const auto missing = std::count_if(questions.begin(), questions.end(),
                                     [](const Question& question) { return question.rcode == 3; });
  EXPECT_NEAR(static_cast<double>(hits), 6'000, 300);
  EXPECT_NEAR(static_cast<double>(missing), 1'500, 150);
}

TEST(Questions, OnlyARightAnswerIsRight) {
  const Question question = MakeQuestions({.names = 1, .count = 1}).front();
  EXPECT_TRUE(IsRight(question, AnswerTo(question, 0, 1)));
  EXPECT_FALSE(IsRight(question, AnswerTo(question, 0, 0)));
  EXPECT_FALSE(IsRight(question, AnswerTo(question, 5, 1)));
  EXPECT_FALSE(IsRight(question, question.packet));
  EXPECT_FALSE(IsRight(question, Octets{0, 0, 0x80}));
}

TEST(Questions, TheZoneHasEachName) {
  EXPECT_THAT(ZoneText(2), HasSubstr("n0 IN A 10.0.0.0\nn1 IN A 10.0.0.1\n"));
  EXPECT_EQ(HostsText(1), "10.0.0.0 n0.bench.test\n");
}

// A server that answers with `records` in each answer, on a thread of its own.
class Answerer {
 public:
  explicit Answerer(std::uint8_t records) {
    auto listener = dns::UdpListener::Create(
        {*loop_, batch_, counters_}, {dns::Endpoint::Parse("127.0.0.1:0").value()},
        [this, records](Bytes packet, const dns::ReplyTo& from, Instant) {
          Octets answer(packet.begin(), packet.end());
          answer[2] |= 0x80;
          answer[7] = records;
          (void)listener_->Send(from, answer);
        });
    listener_ = std::move(listener).value();
    thread_ = std::thread([this] { loop_->Run(); });
  }
  ~Answerer() {
    loop_->Post([this] { loop_->Stop(); });
    thread_.join();
  }
  const dns::Endpoint& endpoint() const { return listener_->bound(); }

 private:
  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  dns::UdpBatch batch_;
  dns::Counters counters_;
  std::unique_ptr<dns::UdpListener> listener_;
  std::thread thread_;
};

constexpr Duration kShort = std::chrono::milliseconds(100);

TEST(Blast, AClosedLoopCountsAnswers) {
  const Answerer server(1);
  const auto questions = MakeQuestions({.names = 10, .count = 10});
  const auto result =
      Blast({.server = server.endpoint(), .questions = questions, .duration = kShort}).value();
  EXPECT_GT(result.answered, 200u);  // more than what is on its way at a time
  EXPECT_EQ(result.wrong, 0u);
}

TEST(Blast, AnOpenLoopKeepsItsRateAndTakesTimes) {
  const Answerer server(1);
  const auto questions = MakeQuestions({.names = 10, .count = 10});
  const auto result = Blast({.server = server.endpoint(),
                             .questions = questions,
                             .duration = kShort,
                             .rate = 1'000})
                          .value();
  EXPECT_EQ(result.sent, 100u);
  EXPECT_EQ(result.latencies_us.size(), result.answered);
}

TEST(Blast, WrongAnswersAreCounted) {
  const Answerer server(0);
  const auto questions = MakeQuestions({.names = 10, .count = 10});
  const auto result =
      Blast({.server = server.endpoint(), .questions = questions, .duration = kShort}).value();
  EXPECT_EQ(result.wrong, result.answered);
}

TEST(Blast, WhatIsNotAnsweredIsLost) {
  auto socket = dns::ListenSocket(dns::Endpoint::Parse("127.0.0.1:0").value(),
                                  dns::Transport::kUdp).value();
  const auto questions = MakeQuestions({.names = 10, .count = 10});
  const auto result = Blast({.server = dns::BoundEndpoint(socket.get()).value(),
                             .questions = questions,
                             .duration = kShort,
                             .rate = 1'000})
                          .value();
  EXPECT_EQ(result.answered, 0u);
  EXPECT_EQ(result.lost, result.sent);
}

}  // namespace
}  // namespace summon::benchmarks
