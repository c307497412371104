// SPDX-License-Identifier: Apache-2.0
// Crashes at bad moments: monitors, summond and launcherd are killed; clients get their page.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"

namespace summon::end_to_end {
namespace {

using testing::HasSubstr;
using Surviving = EveryLauncher;

// The pid of the monitor that runs an instance (not one that waits in the pool): the newest one
// cannot be told from outside, so all are ended, as the out-of-memory killer might.
void KillMonitors(testbed::House& house) {
  for (const pid_t pid : house.Monitors()) (void)kill(pid, SIGKILL);  // may have ended meanwhile
}

TEST_P(Surviving, MonitorKilledWhenReadyIsReplacedAtTheNextPacket) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  std::this_thread::sleep_for(std::chrono::seconds(6));  // older than "young": no failure
  KillMonitors(house());
  ASSERT_TRUE(house().AwaitState("web", "asleep", kPatience).ok());
  const auto page = Fetch(house(), kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house().Logs();
  EXPECT_EQ(page->status, 200);
  EXPECT_TRUE(AnsweredTheFirstPacket(house(), "web", *page));
}

TEST_P(Surviving, MonitorKilledWhileBootingIsReplacedAndThePacketIsNotLost) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  // Monitors that stand still: the one that gets the job cannot begin it before it is killed.
  while (house().Monitors().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until the pool is full
  for (const pid_t pid : house().Monitors()) (void)kill(pid, SIGSTOP);
  std::thread killer([this] {
    EXPECT_TRUE(house().AwaitState("web", "summoning", kPatience).ok());
    KillMonitors(house());
  });
  const auto page = Fetch(house(), kWeb);
  killer.join();
  ASSERT_TRUE(page.ok()) << page.error().message() << house().Logs();
  EXPECT_EQ(page->status, 200);
  EXPECT_NE(house().Logs().find("died before it took its job"), std::string::npos)
      << "the monitor that was killed had no job";
}

TEST_P(Surviving, SummondKilledAndRestartedAdoptsAndConnectionsLiveOn) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  const std::string request = "GET /times.json HTTP/1.1\r\nHost: web\r\n\r\n";
  Result<UniqueFd> connection = Error(ErrorCode::kIo, "not connected");
  {
    const testbed::InNamespace client(house().network().client());
    connection = testbed::ConnectTcp({.address = kWeb}, kPatience);
  }
  ASSERT_TRUE(connection.ok()) << connection.error().message();
  ASSERT_TRUE(testbed::Converse(connection->get(), request, "}", kPatience).ok());
  house().summond().Signal(SIGKILL);
  ASSERT_TRUE(house().summond().AwaitEnd(kPatience).has_value());
  const Status restarted = house().StartSummond();
  ASSERT_TRUE(restarted.ok()) << restarted.error().message();
  const Status ready = house().AwaitState("web", "ready", kPatience);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  const auto again = testbed::Converse(connection->get(), request, "}", kPatience);
  EXPECT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(house().StatusOf("web").generation(), 1u);
}

// Resolvers keep an error for seconds, and lookups come while summond does not know yet what
// summon-launcherd has.
TEST_P(Surviving, RestartOfSummondAnswersNoLookupWithAnError) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  house().summond().Signal(SIGKILL);
  ASSERT_TRUE(house().summond().AwaitEnd(kPatience).has_value());
  house().launcherd().Signal(SIGSTOP);  // it tells nothing before it may go on
  const Status restarted = house().StartSummond();
  const auto answer = Ask(house(), kWebName);
  house().launcherd().Signal(SIGCONT);
  ASSERT_TRUE(restarted.ok()) << restarted.error().message();
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->rcode, 0) << "extended error " << answer->extended_error;
  EXPECT_EQ(answer->address, Ipv4Address::Parse(kWeb));
  const Status ready = house().AwaitState("web", "ready", kPatience);
  ASSERT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_TRUE(Fetch(house(), kWeb).ok());
  EXPECT_EQ(house().StatusOf("web").generation(), 1u) << "it was adopted, not made again";
}

TEST_P(Surviving, LauncherdKilledAndRestartedServesAgain) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  house().launcherd().Signal(SIGKILL);
  ASSERT_TRUE(house().launcherd().AwaitEnd(kPatience).has_value());
  ASSERT_TRUE(house().StartLauncherd().ok());
  const Status asleep = house().AwaitState("web", "asleep", kPatience);
  ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  // The taps have to be made again before packets can wait in them.
  const auto answer = Ask(house(), kWebName);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  const auto page = Fetch(house(), kWeb);
  ASSERT_TRUE(page.ok()) << page.error().message() << house().Logs();
}

TEST_P(Surviving, OrderlyEndOfLauncherdLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  house().summond().Signal(SIGTERM);
  EXPECT_EQ(house().summond().AwaitEnd(kPatience), 0);
  house().launcherd().Signal(SIGTERM);
  EXPECT_EQ(house().launcherd().AwaitEnd(kPatience), 0);
  EXPECT_THAT(house().Monitors(), testing::IsEmpty());
  EXPECT_THAT(house().network().HostInterfaces(), testing::UnorderedElementsAre("lo", "cable"));
}

TEST_P(Surviving, SummondEndsAtOnceWhenAsked) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  house().summond().Signal(SIGTERM);
  // A few milliseconds; the bound is below the two seconds that civetweb takes to notice its end,
  // and above what a busy machine adds.
  EXPECT_EQ(house().summond().AwaitEnd(std::chrono::seconds(1)), 0);
}

TEST_P(Surviving, SummondHoldsNoPrivilege) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  if (house().summond_user().empty()) GTEST_SKIP() << "this build lies where only root may go";
  std::ifstream file(StrCat("/proc/", house().summond().pid(), "/status"));
  const std::string status(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(status, HasSubstr("\nUid:\t65534\t65534\t65534\t65534\n"));
  EXPECT_THAT(status, HasSubstr("\nGid:\t65534\t65534\t65534\t65534\n"));
  EXPECT_THAT(status, HasSubstr("\nGroups:\t65534 \n"));
  EXPECT_THAT(status, HasSubstr("\nCapPrm:\t0000000000000000\n"));
  EXPECT_THAT(status, HasSubstr("\nCapEff:\t0000000000000000\n"));
  EXPECT_THAT(status, HasSubstr("\nNoNewPrivs:\t1\n"));
}

TEST_P(Surviving, ReloadDoesNotDisturbServicesWhoseEntryIsTheSame) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  house().Reload({.services = testbed::Text({.name = "web",
                                    .address = kWeb,
                                    .launcher = GetParam(),
                                    .policy = "idle_timeout_s: 60"}) +
                              testbed::Text({.name = "second",
                                    .address = "10.77.0.11",
                                    .launcher = GetParam(),
                                    .policy = "idle_timeout_s: 60"})});
  ASSERT_TRUE(house().AwaitState("second", "asleep", kPatience).ok()) << house().Logs();
  EXPECT_EQ(house().StatusOf("web").state(), "ready");
  EXPECT_EQ(house().StatusOf("web").generation(), 1u);
  ASSERT_TRUE(Ask(house(), "second.summon.test").ok());
  const auto page = Fetch(house(), "10.77.0.11");
  EXPECT_TRUE(page.ok()) << page.error().message() << house().Logs();
}

TEST_P(Surviving, BadReloadChangesNothingAndSaysWhere) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(Fetch(house(), kWeb).ok());
  house().ReloadText("zone { apex: \"summon.test\" }\nservce { name: \"web\" }\n");
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPatience;
  while (house().Logs().find("not reloaded") == std::string::npos && clock.Now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_THAT(house().Logs(), HasSubstr("summon.textproto:2:1"));
  EXPECT_THAT(house().Logs(), HasSubstr("service"));
  EXPECT_EQ(house().StatusOf("web").state(), "ready");
  EXPECT_TRUE(Fetch(house(), kWeb).ok());
}

INSTANTIATE_TEST_SUITE_P(Launchers, Surviving, testing::Values("KVM", "PROCESS"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
