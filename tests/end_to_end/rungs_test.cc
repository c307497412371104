// SPDX-License-Identifier: Apache-2.0
// Rungs of sleep with real machines: where they come to rest, and that they wake and answer.
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "tests/end_to_end/fixture.h"
#include "tests/testbed/process.h"

namespace summon::end_to_end {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RungHouse : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNot("KVM"); !why.empty()) GTEST_SKIP() << why;
  }
  void StartHouse(const std::string& policy) {
    auto started = testbed::House::Start(
        {.services = testbed::Text({.name = "web",
                                    .address = kWeb,
                                    .launcher = "KVM",
                                    .policy = policy})});
    ASSERT_TRUE(started.ok()) << started.error().message();
    house_ = std::move(started).value();
    const Status asleep = house_->AwaitState("web", "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  }
  bool AwaitRung(const std::string& rung) {
    return testbed::Await([&] { return house_->StatusOf("web").rung() == rung; }, kPatience);
  }
  // Wakes the service, and puts it away at `rung`.
  void RestAt(const std::string& rung) {
    const auto page = Fetch(*house_, kWeb);
    ASSERT_TRUE(page.ok()) << page.error().message() << house_->Logs();
    // The page may be here before the monitor's word of it.
    ASSERT_TRUE(house_->AwaitState("web", "ready", kPatience).ok()) << house_->Logs();
    control::Request request;
    request.mutable_reclaim()->set_service("web");
    request.mutable_reclaim()->set_wait_rested(true);
    request.mutable_reclaim()->set_timeout_ms(20'000);
    request.mutable_reclaim()->set_rung(rung);
    const auto response = house_->Ask(request);
    ASSERT_TRUE(response.ok()) << response.error().message();
    ASSERT_EQ(response->code(), "ok") << response->error();
  }

  std::unique_ptr<testbed::House> house_;
};

// Takes what the operator asks for; never idle by itself while a test runs.
class Rungs : public RungHouse, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    RungHouse::SetUp();
    if (!IsSkipped()) StartHouse("on_idle: AUTO idle_timeout_s: 600");
  }
};

TEST_P(Rungs, AMachineWakesFromWhereItRestsAndAnswers) {
  ASSERT_NO_FATAL_FAILURE(RestAt(GetParam()));
  ASSERT_EQ(house_->StatusOf("web").rung(), GetParam()) << house_->Logs();
  const auto page = Fetch(*house_, kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house_->Logs();
  EXPECT_TRUE(AnsweredTheFirstPacket(*house_, "web", *page));
  ASSERT_TRUE(house_->AwaitState("web", "ready", kPatience).ok()) << house_->Logs();
  EXPECT_EQ(house_->StatusOf("web").woke_from(), GetParam()) << house_->Logs();
  EXPECT_EQ(house_->StatusOf("web").generation(), 2u);
}

TEST_P(Rungs, WhatRestsIsKnownToASummondThatWasRestarted) {
  ASSERT_NO_FATAL_FAILURE(RestAt(GetParam()));
  house_->summond().Signal(SIGKILL);
  ASSERT_TRUE(house_->summond().AwaitEnd(kPatience));
  ASSERT_TRUE(house_->StartSummond().ok()) << house_->Logs();
  EXPECT_TRUE(AwaitRung(GetParam())) << house_->StatusOf("web").rung();
  const auto page = Fetch(*house_, kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house_->Logs();
  ASSERT_TRUE(house_->AwaitState("web", "ready", kPatience).ok()) << house_->Logs();
  EXPECT_EQ(house_->StatusOf("web").woke_from(), GetParam()) << house_->Logs();
}

// The server's TIME_WAIT (10 s in guests/web) is over for the client, and must be for a machine
// that slept through it.
TEST_F(RungHouse, APortThatIsTakenAgainAfterARestIsAnsweredAtOnce) {
  ASSERT_NO_FATAL_FAILURE(StartHouse("on_idle: AUTO idle_timeout_s: 600"));
  const testbed::HttpTarget target{.address = kWeb, .source_port = 45'000};
  const auto fetch = [this, &target] {
    const testbed::InNamespace client(house_->network().client());
    return testbed::FetchHttp(target, kPatience);
  };
  const auto first = fetch();
  ASSERT_TRUE(first.ok()) << first.error().message() << house_->Logs();
  // Our own end has to hear the last word, or its port is not free.
  constexpr auto kLastWord = std::chrono::milliseconds(200);
  std::this_thread::sleep_for(kLastWord);
  ASSERT_NO_FATAL_FAILURE(RestAt("parked"));
  std::this_thread::sleep_for(std::chrono::milliseconds(10'500));
  const auto second = fetch();
  if (!second.ok() && second.error().message().find("Cannot assign") != std::string::npos) {
    GTEST_SKIP() << "our end closed first, so its own TIME_WAIT holds the port";
  }
  ASSERT_TRUE(second.ok()) << second.error().message() << house_->Logs();
  EXPECT_EQ(second->retransmits, 0u) << house_->Logs();
  std::this_thread::sleep_for(kLastWord);  // now the server's TIME_WAIT is not over
  const auto third = fetch();
  if (!third.ok() && third.error().message().find("Cannot assign") != std::string::npos) {
    GTEST_SKIP() << "our end closed first, so its own TIME_WAIT holds the port";
  }
  ASSERT_TRUE(third.ok()) << third.error().message() << house_->Logs();
  EXPECT_EQ(third->retransmits, 0u) << house_->Logs();
}

TEST_F(RungHouse, AnIdleMachineDescendsFromRungToRung) {
  ASSERT_NO_FATAL_FAILURE(
      StartHouse("on_idle: PAUSED ttl_asleep_s: 1 ttl_ready_s: 1 grace_s: 0 idle_timeout_s: 1 "
                 "descend { rung: PARKED after_s: 1 } descend { rung: SAVED after_s: 2 } "
                 "descend { rung: OFF after_s: 3 }"));
  ASSERT_TRUE(Fetch(*house_, kWeb).ok()) << house_->Logs();
  // A busy host may be too slow to show each of them: the log has them all.
  const auto ends = [this] {
    return house_->Logs().find("lower service=\"web\" rung=\"off\"") != std::string::npos;
  };
  EXPECT_TRUE(testbed::Await(ends, kPatience)) << house_->Logs();
  EXPECT_THAT(house_->Logs(),
              AllOf(HasSubstr("generation=1 rung=\"paused\" reason=\"idle\""),
                    HasSubstr("lower service=\"web\" rung=\"parked\" reason=\"idle\""),
                    HasSubstr("lower service=\"web\" rung=\"saved\" reason=\"idle\"")));
  EXPECT_TRUE(AwaitRung("off")) << house_->Logs();
}

INSTANTIATE_TEST_SUITE_P(EachRung, Rungs, testing::Values("paused", "parked", "saved"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
