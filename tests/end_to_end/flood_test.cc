// SPDX-License-Identifier: Apache-2.0
// A flood of random names and of spoofed lookups of sleeping services: it boots nothing, and the
// others are answered as ever.
#include <gmock/gmock.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/testbed/flood.h"

namespace summon::end_to_end {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::uint32_t kPacketsPerSecond = 100'000;
constexpr Duration kRound = seconds(5);
constexpr Duration kPause = milliseconds(5);  // between two questions of the legitimate client
constexpr int kColdServices = 8;
// Of a legitimate client's answers, 99 of 100 come within this.
constexpr Duration kLatencyMax = milliseconds(5);
constexpr int kRoundsMax = 3;
// A round in which others had more of the machine than this, in processors, says nothing about us.
constexpr double kForeignMax = 0.25;

struct Latencies {
  std::vector<Duration> took;  // in order of length
  int lost = 0;
  Duration Percentile(double part) const {
    return took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))];
  }
};

// Processor time of all programs so far; of interrupts, which are the flood's own, none.
double BusySeconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0;
  file >> cpu >> user >> nice >> system;
  return (user + nice + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// The same of one process.
double SecondsOf(pid_t pid) {
  std::ifstream file(StrCat("/proc/", pid, "/stat"));
  std::string text(std::istreambuf_iterator<char>(file), {});
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;  // proc(5): utime is the 14th field
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

class FloodTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNot("PROCESS"); !why.empty()) GTEST_SKIP() << why;
    testbed::HouseOptions options;
    for (int i = 0; i < kColdServices; ++i) {
      cold_.push_back(StrCat("cold", i, ".summon.test"));
      options.services += testbed::Text({.name = StrCat("cold", i),
                                         .address = StrCat("10.77.0.", 20 + i),
                                         .launcher = "PROCESS"});
    }
    options.services += testbed::Text({.name = "real", .address = "10.77.0.40",
                                       .launcher = "PROCESS"});
    auto house = testbed::House::Start(options);
    ASSERT_TRUE(house.ok()) << house.error().message();
    house_ = std::move(house).value();
    for (const char* name : {"cold0", "real"}) {
      const Status asleep = house_->AwaitState(name, "asleep", kPatience);
      ASSERT_TRUE(asleep.ok()) << asleep.error().message();
    }
    // Answers to everywhere leave, and are lost at the client; a stranger's address is there too.
    const auto& network = house_->network();
    ASSERT_TRUE(testbed::RunIn(network.host(), {"ip", "route", "add", "default", "via",
                                                testbed::Network::kClientAddress}).ok());
    ASSERT_TRUE(testbed::RunIn(network.client(),
                               {"ip", "addr", "add", "203.0.113.2/32", "dev", "eth0"}).ok());
  }

  std::unique_ptr<testbed::Flood> StartFlood() {
    auto flood = testbed::Flood::Start(house_->network().client(),
                                       {.server = testbed::Network::kHostAddress,
                                        .per_second = kPacketsPerSecond,
                                        .names = cold_});
    EXPECT_TRUE(flood.ok()) << flood.error().message();
    return std::move(flood).value();
  }
  // Asks for a static name from a network that is not limited, for a while.
  Latencies AskMeanwhile() {
    Latencies latencies;
    const SystemClock clock;
    const Instant end = clock.Now() + kRound;
    while (clock.Now() < end) {
      const auto answer = Ask(*house_, "static.summon.test", 1, seconds(1));
      if (answer.ok()) {
        latencies.took.push_back(answer->answered - answer->asked);
      } else {
        ++latencies.lost;
        latencies.took.push_back(seconds(1));
      }
      std::this_thread::sleep_for(kPause);
    }
    std::sort(latencies.took.begin(), latencies.took.end());
    return latencies;
  }
  // What is not spent by this test and its server.
  double ForeignSeconds() const {
    return BusySeconds() - SecondsOf(getpid()) - SecondsOf(house_->summond().pid());
  }
  std::uint64_t Boots() {
    std::uint64_t boots = 0;
    for (int i = 0; i < kColdServices; ++i) {
      boots += house_->StatusOf(StrCat("cold", i)).generation();
    }
    return boots;
  }
  std::string Scrape() {
    const testbed::InNamespace host(house_->network().host());
    const auto page = testbed::FetchHttp(
        {.address = "127.0.0.1", .port = 9153, .path = "/metrics"}, kPatience);
    return page.ok() ? page->body : page.error().message();
  }

  std::vector<std::string> cold_;
  std::unique_ptr<testbed::House> house_;
};

TEST_F(FloodTest, BootsNothingAndDelaysNobody) {
  Duration best = kPatience;
  int disturbed = 0;
  for (int round = 0; round < kRoundsMax && best >= kLatencyMax; ++round) {
    const double foreign_before = ForeignSeconds();
    const auto flood = StartFlood();
    const Latencies latencies = AskMeanwhile();
    constexpr double kSeconds = std::chrono::duration<double>(kRound).count();
    const double rate = static_cast<double>(flood->sent()) / kSeconds;
    const double foreign = (ForeignSeconds() - foreign_before) / kSeconds;
    best = std::min(best, latencies.Percentile(0.99));
    if (foreign > kForeignMax) ++disturbed;
    std::printf("[ measured ] %.0f packets a second; %zu questions, %d lost; p50 %.3f ms, "
                "p99 %.3f ms, longest %.3f ms; others had %.2f processors\n",
                rate, latencies.took.size(), latencies.lost,
                Milliseconds(latencies.Percentile(0.5)), Milliseconds(latencies.Percentile(0.99)),
                Milliseconds(latencies.took.back()), foreign);
    EXPECT_TRUE(foreign > kForeignMax || rate > 0.9 * kPacketsPerSecond) << "the flood is none";
  }
  EXPECT_EQ(Boots(), 0u);
  std::this_thread::sleep_for(seconds(2));  // the counters are brought over once a second
  const std::string metrics = Scrape();
  EXPECT_THAT(metrics, HasSubstr("summon_dns_lookups_at_rest_total{fate=\"prove\"}"));
  EXPECT_THAT(metrics, HasSubstr("summon_dns_lookups_at_rest_total{fate=\"unproven\"}"));
  EXPECT_THAT(metrics, HasSubstr("summon_dns_limited_dropped_total{class=\"nxdomain\"}"));
  EXPECT_THAT(metrics, Not(HasSubstr("summon_dns_lookups_at_rest_total{fate=\"boot\"}")));
  if (best >= kLatencyMax && disturbed == kRoundsMax) {
    GTEST_SKIP() << "nothing said about latency: other programs kept the processors busy";
  }
  EXPECT_LT(best, kLatencyMax);
}

// dig follows the truncated answer to TCP, as resolvers do.
TEST_F(FloodTest, WhoProvesItsAddressBootsMeanwhile) {
  const auto flood = StartFlood();
  std::this_thread::sleep_for(milliseconds(500));
  const auto answer = testbed::RunIn(
      house_->network().client(),
      {"dig", "+short", "+nocookie", "-b", "203.0.113.2", "-p", "5300",
       StrCat("@", testbed::Network::kHostAddress), "real.summon.test", "A"});
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  const Status ready = house_->AwaitState("real", "ready", kPatience);
  EXPECT_TRUE(ready.ok()) << ready.error().message();
  EXPECT_EQ(Boots(), 0u);
}

}  // namespace
}  // namespace summon::end_to_end
