// SPDX-License-Identifier: Apache-2.0
// Rungs of sleep with real machines: where they come to rest, and that they wake and answer.
#include <gmock/gmock.h>
#include <signal.h>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/testbed/process.h"

namespace summon::end_to_end {
namespace {

class Rungs : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNot("KVM"); !why.empty()) GTEST_SKIP() << why;
    auto started = testbed::House::Start(
        {.services = testbed::Text({.name = "web",
                                    .address = kWeb,
                                    .launcher = "KVM",
                                    .policy = "on_idle: AUTO idle_timeout_s: 600"}),
         .launcherd_arguments = {StrCat("--state-dir=", state_.path())}});
    ASSERT_TRUE(started.ok()) << started.error().message();
    house_ = std::move(started).value();
    const Status asleep = house_->AwaitState("web", "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  }
  // Wakes the service, and puts it away at the rung of this test.
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

  testbed::ScratchFolder state_;
  std::unique_ptr<testbed::House> house_;
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
  const auto rests = [this] { return house_->StatusOf("web").rung() == GetParam(); };
  EXPECT_TRUE(testbed::Await(rests, kPatience)) << house_->StatusOf("web").rung();
  const auto page = Fetch(*house_, kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house_->Logs();
  ASSERT_TRUE(house_->AwaitState("web", "ready", kPatience).ok()) << house_->Logs();
  EXPECT_EQ(house_->StatusOf("web").woke_from(), GetParam()) << house_->Logs();
}

INSTANTIATE_TEST_SUITE_P(EachRung, Rungs, testing::Values("paused", "parked", "saved"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
