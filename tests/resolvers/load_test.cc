// SPDX-License-Identifier: Apache-2.0
// dnsperf at a few thousand queries a second, while services come and go beside it: no query is
// lost, none is answered wrongly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <regex>
#include <thread>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/resolvers/resolver.h"

namespace summon::resolvers {
namespace {

using end_to_end::kPatience;
using testing::HasSubstr;

constexpr int kSeconds = 6;
constexpr int kQueriesPerSecond = 3000;
constexpr int kComeAndGo = 8;    // services that are summoned and reclaimed all the time
constexpr int kSummonsMin = 20;  // in that time, or nothing was shown

struct Load {
  std::string launcher;
  std::string mode;  // of dnsperf
};

class UnderSummons : public testing::TestWithParam<Load> {
 protected:
  void SetUp() override {
    if (const std::string why = end_to_end::WhyNot(GetParam().launcher); !why.empty()) {
      GTEST_SKIP() << why;
    }
    if (!testbed::RunIn(-1, {"sh", "-c", "command -v dnsperf"}).ok()) {
      GTEST_SKIP() << "no dnsperf (tools/setup installs it)";
    }
    std::string services;
    for (int i = 0; i <= kComeAndGo; ++i) services += Service(i);
    auto house = StartHouse(services);
    ASSERT_TRUE(house.ok()) << house.error().message();
    house_ = std::move(house).value();
    for (int i = 0; i <= kComeAndGo; ++i) {
      const Status asleep = house_->AwaitState(NameOf(i), "asleep", kPatience);
      ASSERT_TRUE(asleep.ok()) << asleep.error().message();
    }
    const Status summoned = Summon(0);
    ASSERT_TRUE(summoned.ok()) << summoned.error().message();
  }

  static std::string NameOf(int i) { return StrCat("web", i); }
  static std::string Service(int i) {
    return testbed::Text({.name = NameOf(i),
                          .address = StrCat("10.77.0.", 10 + i),
                          .launcher = GetParam().launcher,
                          .policy = "idle_timeout_s: 600"});
  }
  Status Summon(int i) {
    control::Request request;
    request.mutable_summon()->set_service(NameOf(i));
    request.mutable_summon()->set_wait_ready(true);
    request.mutable_summon()->set_timeout_ms(20'000);
    const auto response = SUMMON_TRY(house_->Ask(request));
    if (response.code() != "ok") return Error(ErrorCode::kIo, response.error());
    return Ok();
  }

  // Summons and reclaims one service after the other until told to stop.
  void ComeAndGo() {
    while (!stop_) {
      const int i = 1 + summons_ % kComeAndGo;
      const Status summoned = Summon(i);
      EXPECT_TRUE(summoned.ok()) << summoned.error().message();
      const Status gone = house_->Reclaim(NameOf(i));
      EXPECT_TRUE(gone.ok()) << gone.error().message();
      if (!summoned.ok() || !gone.ok()) return;
      ++summons_;
    }
  }

  std::unique_ptr<testbed::House> house_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> summons_ = 0;
};

// The number that dnsperf prints behind `label`.
double NumberOf(const std::string& report, const std::string& label) {
  std::smatch found;
  const std::regex pattern(label + R"(:?\s+([0-9.]+))");
  return std::regex_search(report, found, pattern) ? std::stod(found[1]) : -1;
}

TEST_P(UnderSummons, NoQueryIsLost) {
  const testbed::ScratchFolder folder;
  // Of a service that is awake, static, without such data, without such a name.
  const std::string queries = folder.Write(
      "queries", "web0.summon.test A\nstatic.summon.test A\nweb0.summon.test AAAA\n"
                 "nobody.summon.test A\nsummon.test SOA\nweb0.summon.test HTTPS\n");
  std::thread summoner([this] { ComeAndGo(); });
  const auto report = testbed::RunIn(
      house_->network().client(),
      {"dnsperf", "-s", kPagesAddress, "-p", "53", "-d", queries, "-l", StrCat(kSeconds), "-Q",
       StrCat(kQueriesPerSecond), "-c", "4", "-m", GetParam().mode});
  stop_ = true;
  summoner.join();
  ASSERT_TRUE(report.ok()) << report.error().message();
  const double sent = NumberOf(*report, "Queries sent");
  EXPECT_EQ(NumberOf(*report, "Queries completed"), sent) << *report;
  EXPECT_EQ(NumberOf(*report, "Queries lost"), 0) << *report;
  // Half of what was asked for is the least that shows anything; a busy machine sends slowly.
  EXPECT_GT(sent, kSeconds * kQueriesPerSecond / 2) << *report;
  EXPECT_GE(summons_, kSummonsMin);
  EXPECT_THAT(*report, HasSubstr("NOERROR")) << *report;
  EXPECT_EQ(report->find("SERVFAIL"), std::string::npos) << *report;
  EXPECT_EQ(report->find("REFUSED"), std::string::npos) << *report;
  std::printf("%.0f queries, %d summons beside them; latency %.6f s on average, %.6f s at most\n",
              sent, summons_.load(), NumberOf(*report, R"(Average Latency \(s\))"),
              NumberOf(*report, "max"));
}

INSTANTIATE_TEST_SUITE_P(Of, UnderSummons,
                         testing::Values(Load{"KVM", "udp"}, Load{"PROCESS", "udp"},
                                         Load{"KVM", "tcp"}),
                         [](const auto& tested) {
                           return StrCat(tested.param.launcher, "_", tested.param.mode);
                         });

}  // namespace
}  // namespace summon::resolvers
