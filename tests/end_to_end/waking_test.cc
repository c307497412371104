// SPDX-License-Identifier: Apache-2.0
// A name boots a VM, for every launcher: lookups, packets, idleness, parked answers.
#include <gmock/gmock.h>

#include <thread>

#include "tests/end_to_end/fixture.h"

namespace summon::end_to_end {
namespace {

using testing::HasSubstr;
using Waking = EveryLauncher;

constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kTypeTxt = 16;

TEST_P(Waking, LookupOfASleepingNameGivesItsAddressAndItsPage) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  const auto answer = Ask(house(), kWebName);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->rcode, 0);
  EXPECT_EQ(answer->address, Ipv4Address::Parse(kWeb));
  const auto page = Fetch(house(), kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house().Logs();
  EXPECT_EQ(page->status, 200);
  EXPECT_THAT(page->body, HasSubstr("web"));
  EXPECT_TRUE(AnsweredTheFirstPacket(house(), "web", *page));
}

TEST_P(Waking, PacketWithoutAnyLookupWakesTheService) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  const auto page = Fetch(house(), kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house().Logs();
  EXPECT_EQ(page->status, 200);
  EXPECT_TRUE(AnsweredTheFirstPacket(house(), "web", *page));
  EXPECT_EQ(house().StatusOf("web").last_trigger(), "packet");
}

TEST_P(Waking, TtlIsShortWhileAsleepAndLongerWhenReady) {
  ASSERT_NO_FATAL_FAILURE(StartHouse("ttl_asleep_s: 4 ttl_ready_s: 25 idle_timeout_s: 60"));
  const auto asleep = Ask(house(), kWebName);
  ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  EXPECT_EQ(asleep->ttl_s, 4u);
  ASSERT_TRUE(house().AwaitState("web", "ready", kPatience).ok());
  const auto ready = Ask(house(), kWebName);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_EQ(ready->ttl_s, 25u);
}

TEST_P(Waking, QuietServiceIsReclaimedWhenItsLeaseIsOver) {
  ASSERT_NO_FATAL_FAILURE(
      StartHouse("ttl_asleep_s: 1 ttl_ready_s: 1 grace_s: 0 idle_timeout_s: 2"));
  ASSERT_TRUE(Ask(house(), kWebName).ok());
  ASSERT_TRUE(house().AwaitState("web", "ready", kPatience).ok());
  EXPECT_EQ(house().Monitors().empty(), false);
  const Status asleep = house().AwaitState("web", "asleep", kPatience);
  ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  const auto again = Fetch(house(), kWeb);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(house().StatusOf("web").generation(), 2u);
}

TEST_P(Waking, AaaaIsNoDataAtOnceAndWakesToo) {
  ASSERT_NO_FATAL_FAILURE(StartHouse("answer: WHEN_READY hold_max_ms: 1500 idle_timeout_s: 60"));
  const auto answer = Ask(house(), kWebName, kTypeAaaa);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->rcode, 0);
  EXPECT_EQ(answer->answers, 0);
  EXPECT_TRUE(house().AwaitState("web", "ready", kPatience).ok());
}

TEST_P(Waking, TxtNeverWakes) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  const auto answer = Ask(house(), kWebName, kTypeTxt);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->rcode, 0);
  EXPECT_EQ(house().StatusOf("web").state(), "asleep");
  EXPECT_EQ(house().StatusOf("web").generation(), 0u);
}

TEST_P(Waking, AnswerWhenReadyComesWithTheReadyService) {
  ASSERT_NO_FATAL_FAILURE(StartHouse("answer: WHEN_READY hold_max_ms: 1500 idle_timeout_s: 60"));
  const auto answer = Ask(house(), kWebName);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->address, Ipv4Address::Parse(kWeb));
  EXPECT_EQ(house().StatusOf("web").state(), "ready");
}

TEST_P(Waking, ManyQueriesForAColdNameGiveOneInstance) {
  ASSERT_NO_FATAL_FAILURE(StartHouse("answer: WHEN_READY hold_max_ms: 1500 idle_timeout_s: 60"));
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, &answered] {
      const auto answer = Ask(house(), kWebName);
      answered += answer.ok() && answer->address ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 8);
  EXPECT_EQ(house().StatusOf("web").generation(), 1u);
}

TEST_P(Waking, GuestThatIsNeverReadyAnswersAtHoldMaxAndThenRests) {
  ASSERT_NO_FATAL_FAILURE(StartHouse(
      "idle_timeout_s: 60",
      testbed::Text({.name = "stuck",
            .address = "10.77.0.20",
            .guest = "hostile",
            .launcher = GetParam(),
            .policy = "answer: WHEN_READY hold_max_ms: 300 ready_timeout_ms: 1500",
            .extra = "net { none: true }",
            .command_line = "never_ready"})));
  const auto answer = Ask(house(), "stuck.summon.test");
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->address, Ipv4Address::Parse("10.77.0.20"));
  EXPECT_GE(answer->answered - answer->asked, std::chrono::milliseconds(300));
  const Status failed = house().AwaitState("stuck", "failed", kPatience);
  ASSERT_TRUE(failed.ok()) << failed.error().message();
  const auto refused = Ask(house(), "stuck.summon.test");
  ASSERT_TRUE(refused.ok()) << refused.error().message();
  EXPECT_EQ(refused->rcode, 2) << "SERVFAIL while it rests after a failure";
  EXPECT_EQ(refused->extended_error, 14) << "RFC 8914: Not Ready";
}

INSTANTIATE_TEST_SUITE_P(Launchers, Waking, testing::Values("KVM", "PROCESS"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
