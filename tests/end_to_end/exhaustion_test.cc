// SPDX-License-Identifier: Apache-2.0
// Daemons without a free descriptor: they rest rather than spin, live on, and are back once there
// are some again.
#include <thread>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "tests/end_to_end/fixture.h"

namespace summon::end_to_end {
namespace {

using Exhaustion = EveryLauncher;

constexpr std::size_t kDescriptors = 40;  // summond has about 20 open
// To each door: more than fit, and than the holes between a daemon's open descriptors.
constexpr int kConnections = 60;
constexpr Duration kWatched = std::chrono::seconds(2);
// Who rests uses some milliseconds; who spins a whole processor, or its share of a busy one: a
// quarter, when this was written.
constexpr Duration kProcessorTimeMax = std::chrono::milliseconds(150);

std::vector<UniqueFd> Connect(const std::string& socket) {
  std::vector<UniqueFd> connections;
  for (int i = 0; i < kConnections; ++i) {
    Result<UniqueFd> one = ConnectSeqpacket(socket);
    if (one.ok()) connections.push_back(std::move(one).value());
  }
  return connections;
}

std::vector<UniqueFd> ConnectTcp(const testbed::HttpTarget& target) {
  std::vector<UniqueFd> connections;
  for (int i = 0; i < kConnections; ++i) {
    Result<UniqueFd> one = testbed::ConnectTcp(target, kPatience);
    if (one.ok()) connections.push_back(std::move(one).value());
  }
  return connections;
}

Duration UsedWhileWatched(const testbed::Daemon& daemon) {
  const Duration before = daemon.ProcessorTime();
  std::this_thread::sleep_for(kWatched);
  return daemon.ProcessorTime() - before;
}

TEST_P(Exhaustion, SummondWithoutDescriptorsRestsAnswersAndRecovers) {
  // Enough to start with, and fewer than we connect.
  auto started = testbed::House::Start(
      {.services = testbed::Text({.name = "web",
                                  .address = kWeb,
                                  .launcher = GetParam(),
                                  .policy = "idle_timeout_s: 60"}),
       .summond_wrapper = {"prlimit", StrCat("--nofile=", kDescriptors, ":", kDescriptors)}});
  ASSERT_TRUE(started.ok()) << started.error().message();
  testbed::House& house = **started;
  ASSERT_TRUE(house.AwaitState("web", "asleep", kPatience).ok());
  {
    const std::vector<UniqueFd> control = Connect(house.folder() + "/summond.sock");
    const testbed::InNamespace host(house.network().host());
    const std::vector<UniqueFd> dns = ConnectTcp({.address = "127.0.0.1", .port = 5300});
    EXPECT_LT(UsedWhileWatched(house.summond()), kProcessorTimeMax);
    EXPECT_GE(house.summond().OpenDescriptors(), kDescriptors - 1);  // or nothing was tested
    EXPECT_TRUE(Ask(house, kWebName).ok());
    EXPECT_TRUE(Fetch(house, kWeb).ok());
  }
  // All have left: what was open is free.
  const Status ready = house.AwaitState("web", "ready", kPatience);
  EXPECT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_TRUE(house.summond().Running());
}

TEST_P(Exhaustion, LauncherdWithoutDescriptorsRestsAndRecovers) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  ASSERT_TRUE(testbed::Await([this] { return house().Monitors().size() >= 2; }, kPatience));
  const std::size_t open = house().launcherd().OpenDescriptors();
  ASSERT_TRUE(house().launcherd().LimitDescriptors(open).ok());
  {
    const std::vector<UniqueFd> clients = Connect(house().folder() + "/launcherd.sock");
    EXPECT_TRUE(Ask(house(), kWebName).ok());  // the launch fails
    EXPECT_LT(UsedWhileWatched(house().launcherd()), kProcessorTimeMax);
    EXPECT_TRUE(house().launcherd().Running());
  }
  constexpr std::size_t kEnough = 1024;
  ASSERT_TRUE(house().launcherd().LimitDescriptors(kEnough).ok());
  const auto page = Fetch(house(), kWeb);
  EXPECT_TRUE(page.ok()) << page.error().message() << house().Logs();
}

INSTANTIATE_TEST_SUITE_P(Launchers, Exhaustion, testing::Values("KVM", "PROCESS"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
