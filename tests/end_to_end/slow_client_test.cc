// SPDX-License-Identifier: Apache-2.0
// Clients that hold a connection of the web guest by sending next to nothing.
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "tests/end_to_end/fixture.h"

namespace summon::end_to_end {
namespace {

using SlowClient = EveryLauncher;

// Below the guest's idle time-out of 20 s, which each byte begins anew.
constexpr Duration kBetweenBytes = std::chrono::milliseconds(500);
// The guest's bound on a request is 10 s, looked at every 2 s; and what a busy machine adds.
constexpr Duration kHeldMin = std::chrono::seconds(8);
constexpr Duration kHeldMax = std::chrono::seconds(18);

bool HasEnded(int socket) {
  char byte = 0;
  const ssize_t got = recv(socket, &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

TEST_P(SlowClient, ARequestThatNeverEndsLosesItsConnection) {
  ASSERT_NO_FATAL_FAILURE(StartHouse());
  const testbed::InNamespace client(house().network().client());
  auto connection = testbed::ConnectTcp({.address = kWeb}, kPatience);
  ASSERT_TRUE(connection.ok()) << connection.error().message();
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  ASSERT_GT(send(connection->get(), begin.data(), begin.size(), MSG_NOSIGNAL), 0);
  const SystemClock clock;
  const Instant began = clock.Now();
  while (!HasEnded(connection->get()) && clock.Now() - began < kPatience) {
    (void)send(connection->get(), "x", 1, MSG_NOSIGNAL);  // fails when it has ended: seen next
    std::this_thread::sleep_for(kBetweenBytes);
  }
  const Duration held = clock.Now() - began;
  EXPECT_GT(held, kHeldMin);
  EXPECT_LT(held, kHeldMax);
  EXPECT_TRUE(Fetch(house(), kWeb).ok()) << house().Logs();
}

// One launcher: the guest's code is the same, and the test takes its time.
INSTANTIATE_TEST_SUITE_P(Launchers, SlowClient, testing::Values("PROCESS"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace summon::end_to_end
