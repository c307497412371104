// SPDX-License-Identifier: Apache-2.0
// A guest that prints without end: what it costs whoever reads its console, and a neighbour.
//
// What can be promised on any machine is asserted: the bytes that are read, the bytes that are
// kept, that every question to the neighbour is answered. What depends on the machine is printed.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "launcher/monitor/console.h"
#include "tests/launcher/monitor_world.h"

namespace summon::launcher {

namespace {

constexpr Kind kKind = Kind::SUMMON_TEST_KIND;
constexpr ServiceId kNeighbour{0};
constexpr ServiceId kFlooding{1};
constexpr InstanceId kNeighbours{kNeighbour, 1};
constexpr InstanceId kFlood{kFlooding, 1};
constexpr int kQuestions = 100;
constexpr int kPatienceMs = 5'000;
constexpr auto kBetweenQuestions = std::chrono::milliseconds(10);

Duration ThreadCpu() {
  timespec spent{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);  // cannot fail: the clock is there
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

// What this process has read by read(2), pipes included.
std::uint64_t BytesRead() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t bytes = 0;
  io >> name >> bytes;  // "rchar:" is the first line
  return bytes;
}

// Round trips to the neighbour's UDP echo, one after the other; fewer when one is not answered.
std::vector<Duration> AskNeighbour() {
  std::vector<Duration> took;
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(7);
  const Ipv4Address address = AddressOf(kNeighbour);
  std::memcpy(&to.sin_addr, address.octets.data(), address.octets.size());
  for (int i = 0; i < kQuestions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
    (void)sendto(fd.get(), "knock", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    pollfd answer{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&answer, 1, kPatienceMs) != 1) return took;
    char text[16];
    if (recv(fd.get(), text, sizeof text, 0) != 5) return took;
    took.push_back(std::chrono::steady_clock::now() - start);
    std::this_thread::sleep_for(kBetweenQuestions);
  }
  return took;
}

class FloodTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = MonitorWorld::MissingFor(kKind);
    if (!missing.empty()) GTEST_SKIP() << missing;
    world_ = std::make_unique<MonitorWorld>(kKind);
  }
  bool Prepare(ServiceId service, LaunchOrder order) {
    const auto& prepared = world_->events().prepared;
    const std::size_t before = prepared.size();
    world_->launcher().Prepare(service, std::move(order));
    return world_->Await([&] { return prepared.size() > before; }) && prepared.back().second.ok();
  }
  std::size_t ConsoleSize() {
    std::optional<std::string> text;
    world_->launcher().ReadConsole(kFlooding, [&text](std::string all) { text = std::move(all); });
    (void)world_->Await([&text] { return text.has_value(); });
    return text.value_or("").size();
  }

  struct Round {
    std::vector<Duration> took;  // sorted
    Duration wall{};
    Duration cpu{};  // of the thread that reads consoles
    std::uint64_t bytes_read = 0;
  };
  // Runs the launcher's loop while another thread asks the neighbour.
  Round Ask() {
    Round round;
    std::atomic<bool> done = false;
    std::thread asking([&] {
      round.took = AskNeighbour();
      done = true;
    });
    const auto start = std::chrono::steady_clock::now();
    const Duration cpu = ThreadCpu();
    const std::uint64_t bytes = BytesRead();
    (void)world_->loop().RunUntil([&done] { return done.load(); }, std::chrono::seconds(60));
    asking.join();
    round.bytes_read = BytesRead() - bytes;
    round.cpu = ThreadCpu() - cpu;
    round.wall = std::chrono::steady_clock::now() - start;
    std::sort(round.took.begin(), round.took.end());
    return round;
  }
  static void Print(const char* when, const Round& round) {
    const auto us = [&round](std::size_t percent) {
      return round.took.empty() ? 0 : round.took[(round.took.size() - 1) * percent / 100].count() /
                                          1000;
    };
    std::printf("%s: neighbour p50 %ld us, p99 %ld us; the reader used %.1f %% of a CPU and read "
                "%lu bytes in %.2f s\n",
                when, us(50), us(99), 100.0 * static_cast<double>(round.cpu.count()) /
                                          static_cast<double>(round.wall.count()),
                round.bytes_read, static_cast<double>(round.wall.count()) / 1e9);
  }

  std::unique_ptr<MonitorWorld> world_;
};

TEST_F(FloodTest, IsReadInBoundsAndTheNeighbourAnswers) {
  ASSERT_TRUE(Prepare(kNeighbour, world_->Good(kNeighbour)));
  ASSERT_TRUE(Prepare(kFlooding, world_->Hostile(kFlooding, "flood")));
  world_->launcher().Launch(kNeighbours);
  ASSERT_TRUE(world_->Await([&] { return world_->events().reached(kNeighbours, Stage::kReady); }));
  const Round quiet = Ask();
  world_->launcher().Launch(kFlood);
  ASSERT_TRUE(world_->Await([&] { return ConsoleSize() >= Launcher::kConsoleBytesMax; }));
  const Round flooded = Ask();
  Print("quiet", quiet);
  Print("flooded", flooded);
  EXPECT_EQ(flooded.took.size(), static_cast<std::size_t>(kQuestions));
  EXPECT_EQ(ConsoleSize(), Launcher::kConsoleBytesMax);
  // One chunk in each rest, and one more where the window begins; little else is read meanwhile.
  const auto chunks = static_cast<std::uint64_t>(flooded.wall / ConsoleReader::kRest) + 1;
  constexpr std::uint64_t kElse = 64 * 1024;
  EXPECT_LE(flooded.bytes_read, chunks * ConsoleReader::kChunkBytes + kElse);
  EXPECT_GT(flooded.bytes_read, quiet.bytes_read);  // else nobody flooded
}

}  // namespace
}  // namespace summon::launcher
