// SPDX-License-Identifier: Apache-2.0
// Lookups of services through the frontend: which wake, which wait, and what goes out when.
#include "summoner/daemon/frontend.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "configs/load.h"
#include "launcher/launcher.h"
#include "tests/dns/wire.h"

namespace summon::summoner {
namespace {

using dns::RrType;
using dns::Transport;
using dns::test::N;

constexpr Duration kPatience = std::chrono::seconds(10);  // far above what any test here takes

// Notes what is launched; the test says what becomes of it.
class NotingLauncher final : public launcher::Launcher {
 public:
  void Prepare(ServiceId, launcher::LaunchOrder) override {}
  void Forget(ServiceId) override {}
  void Launch(InstanceId instance) override { launches.push_back(instance); }
  void Reclaim(InstanceId, Rung) override {}
  void Lower(ServiceId, Rung) override {}
  void ReadConsole(ServiceId, std::function<void(std::string)>) override {}

  std::vector<InstanceId> launches;
};

// Keeps answers in place of a network.
class NotingPath final : public dns::ReplyPath {
 public:
  dns::SendOutcome SendReply(const dns::ReplyTo& to, const dns::Response& response) override {
    const dns::test::Packet bytes(response.bytes.begin(), response.bytes.end());
    answers.push_back({to.client, *dns::test::ReadAnswer(bytes)});
    return dns::SendOutcome::kSent;
  }
  void AbandonReply(const dns::ReplyTo&) override { ++abandoned; }

  struct Sent {
    dns::Endpoint client;
    dns::test::Answer answer;
  };
  std::vector<Sent> answers;
  int abandoned = 0;
};

struct Asked {
  std::string_view name = "hello.summon.test";
  RrType type = RrType::kA;
  std::string_view client = "10.0.0.1:1053";
  std::uint16_t id = 1;
  Transport transport = Transport::kUdp;
  dns::CookieState cookie = dns::CookieState::kNone;
  Duration later{};  // than now
  std::optional<dns::ClientSubnet> subnet{};
};

class FrontendTest : public testing::Test {
 protected:
  ~FrontendTest() override { link_.End(); }

  // `zone` fields stand in the zone, `policy` fields in the policy of both services, `rest` beside.
  struct Text {
    std::string_view zone, policy, rest;
  };
  void Start(const Text& text = {}) {
    const configs::Config config = Load(text);
    conductor_.UseLauncher(launcher_);
    conductor_.SetNames([](ServiceId) { return "hello"; });
    conductor_.Change([&](Instant now, Effects& effects) {
      for (const configs::Service& service : config.services) {
        ServiceSpec spec{.name = service.name};
        spec.policy.answer = service.policy.answer == configs::AnswerPolicy::kWhenReady
                                 ? AnswerMode::kWhenReady
                                 : AnswerMode::kImmediately;
        spec.policy.hold_max = std::chrono::hours(1);  // only readiness releases
        spec.kinds = {true, false};
        ids_[service.name] = summoner_.Add(spec, now, effects).value();
        summoner_.OnPrepared(ids_[service.name], Ok(), now, effects);
      }
    });
    guard_.Configure(config, ids_);
    conductor_.AddObserver(guard_);
    frontend_ = std::make_unique<Frontend>(Frontend::Others{conductor_, measures_, guard_},
                                           BuildZoneTable(config, ids_, {}, 1).table);
  }
  static configs::Config Load(const Text& text) {
    std::string file = StrCat("zone { apex: \"summon.test\" ", text.zone,
                              " record { name: \"static.summon.test\" type: A "
                              "value: \"10.1.1.1\" } }\n", text.rest, "\n");
    for (const std::string_view name : {"hello", "other"}) {
      file += StrCat("service { name: \"", name, "\" dns_name: \"", name,
                     ".summon.test\" address: \"10.77.0.", name.front() == 'h' ? 10 : 11,
                     "\" image: \"web.hvt\" policy { ", text.policy, " } }\n");
    }
    const auto outcome = configs::LoadText(file, "site.textproto",
                                           {.check_files = false, .host_memory_mib = 1000});
    EXPECT_TRUE(outcome.ok()) << outcome.errors.front().ToString();
    return *outcome.config;
  }
  void Ask(const Asked& asked) {
    dns::Query query;
    query.id = asked.id;
    query.name = N(asked.name);
    query.type = asked.type;
    query.rr_class = dns::RrClass::kIn;
    query.transport = asked.transport;
    query.client = dns::Endpoint::Parse(asked.client).value();
    query.received = loop_->Now() + asked.later;
    query.edns.emplace();
    query.edns->cookie_state = asked.cookie;
    query.edns->client_subnet = asked.subnet;
    dns::ReplyTo to;
    to.client = query.client;
    frontend_->Handle(query, dns::Responder(link_, to));
  }
  void BecomeReady() {
    conductor_.OnStage(launcher_.launches.back(),
                       {launcher::Stage::kReady, loop_->Now(), launcher::Kind::kKvm});
  }
  // The instance ends in good order, long after it was ready.
  void Halt() {
    BecomeReady();
    conductor_.Reclaim(ids_["hello"], Rung::kOff);
    conductor_.OnEnded(launcher_.launches.back(), launcher::EndReport());
  }
  std::size_t launches() const { return launcher_.launches.size(); }
  const dns::test::Answer& last() const { return path_.answers.back().answer; }
  std::uint64_t Fate(WakeVerdict verdict) {
    return guard_.counters().fates[static_cast<std::size_t>(verdict)];
  }
  std::uint64_t Events(ParkEvent event) {
    return guard_.counters().parked[static_cast<std::size_t>(event)];
  }
  // Of the last answer (RFC 8914); -1: it has none.
  int ExtendedError() const {
    const dns::test::Packet& options = last().opt->rdata;
    return options.size() >= 6 && options[1] == 15 ? options[4] << 8 | options[5] : -1;
  }
  bool Truncated() const { return (last().flags & 0x0200) != 0; }

  static constexpr std::string_view kHeld = "answer: WHEN_READY";
  static constexpr std::string_view kStranger = "198.51.100.7:1053";

  std::unique_ptr<Loop> loop_ = Loop::Create().value();
  Logger log_{2, "test", LogLevel::kError, Logger::Format::kPlain, *loop_};
  Summoner summoner_{Limits{.memory_budget_mib = 1'000'000}};
  Conductor conductor_{*loop_, log_, summoner_};
  Measures measures_{*loop_, conductor_};
  WakeGuard guard_{summoner_};
  NotingLauncher launcher_;
  NotingPath path_;
  dns::ReplyLink link_{path_};
  ServiceIds ids_;
  std::unique_ptr<Frontend> frontend_;
};

// --- what wakes, by type ---

TEST_F(FrontendTest, AnAddressLookupBootsAndIsAnsweredAtOnce) {
  Start();
  Ask({});
  EXPECT_EQ(launches(), 1u);
  EXPECT_EQ(last().answers.size(), 1u);
}

TEST_F(FrontendTest, ATrioOfTypesAndRetransmissionsAreOneBoot) {
  Start();
  Ask({.type = RrType::kA});
  Ask({.type = RrType::kAaaa});
  Ask({.type = RrType::kHttps});
  Ask({.type = RrType::kA});
  EXPECT_EQ(launches(), 1u);
  EXPECT_EQ(path_.answers.size(), 4u);
}

class NeverWakes : public FrontendTest, public testing::WithParamInterface<RrType> {};

TEST_P(NeverWakes, ALookupOfTheType) {
  Start();
  Ask({.type = GetParam()});
  EXPECT_EQ(launches(), 0u);
  EXPECT_EQ(path_.answers.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Types, NeverWakes,
                         testing::Values(RrType::kTxt, RrType::kMx, RrType::kNs, RrType::kSoa,
                                         RrType::kAny, RrType::kDs, RrType::kPtr, RrType::kCaa,
                                         RrType::kDnskey, RrType::kHttps, RrType::kSvcb,
                                         RrType::kSrv, static_cast<RrType>(65'280)));

TEST_F(FrontendTest, HttpsBootsOnlyByPolicy) {
  Start({.policy = "wake_on: SERVICE"});
  Ask({.type = RrType::kHttps});
  EXPECT_EQ(launches(), 1u);
}

TEST_F(FrontendTest, WithWakeOnPacketNoLookupBoots) {
  Start({.policy = "wake_on: PACKET answer: WHEN_READY"});
  Ask({});
  EXPECT_EQ(launches(), 0u);
  EXPECT_EQ(last().answers.size(), 1u);
  conductor_.OnPacket(ids_["hello"], loop_->Now());
  EXPECT_EQ(launches(), 1u);
}

// --- who may ask and wake ---

TEST_F(FrontendTest, WhoMayNotAskIsRefusedAndToldWhy) {
  Start({.zone = "allow_query: \"10.0.0.0/8\""});
  Ask({.name = "static.summon.test", .client = kStranger});
  EXPECT_EQ(last().rcode, 5);
  ASSERT_TRUE(last().opt);
  EXPECT_EQ(last().opt->rdata, (dns::test::Packet{0, 15, 0, 2, 0, 18}));  // RFC 8914: Prohibited
  Ask({.name = "static.summon.test"});
  EXPECT_EQ(last().rcode, 0);
}

TEST_F(FrontendTest, WhoMayNotWakeByTheZoneGetsTheSameAnswer) {
  Start({.zone = "allow_wake: \"10.0.0.0/8\""});
  Ask({.client = kStranger, .transport = Transport::kTcp});
  EXPECT_EQ(launches(), 0u);
  EXPECT_EQ(last().answers.size(), 1u);
  EXPECT_EQ(ExtendedError(), 18);  // Prohibited
  Ask({});
  EXPECT_EQ(launches(), 1u);
  EXPECT_EQ(ExtendedError(), -1);
}

TEST_F(FrontendTest, WhoMayNotWakeByTheServiceGetsTheSameAnswer) {
  Start({.policy = "allow_wake: \"10.9.0.0/16\""});
  Ask({});
  EXPECT_EQ(launches(), 0u);
  EXPECT_EQ(last().answers.size(), 1u);
}

// RFC 7871: anybody can write any subnet; it goes into the log and changes nothing.
TEST_F(FrontendTest, AClientSubnetIsLoggedAndNotTrusted) {
  Start({.zone = "allow_query: \"10.0.0.0/8\""});
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd out(ends[0]), in(ends[1]);
  Logger log(in.get(), "test", LogLevel::kDebug, Logger::Format::kPlain, *loop_);
  frontend_->UseLog(log);
  Ask({.client = kStranger, .subnet = dns::ClientSubnet{
                                .family = dns::ClientSubnet::Family::kIpv4,
                                .prefix_length = 24,
                                .address = {10, 0, 0}}});
  EXPECT_EQ(last().rcode, 5);
  std::array<char, 512> line{};
  ASSERT_GT(read(out.get(), line.data(), line.size() - 1), 0);
  EXPECT_NE(std::string_view(line.data()).find("subnet=\"10.0.0.0/24\""), std::string_view::npos)
      << line.data();
}

// --- proof ---

TEST_F(FrontendTest, AStrangerOverUdpIsAskedToComeOverTcpAndThenAnswered) {
  Start();
  Ask({.client = kStranger});
  EXPECT_TRUE(Truncated());
  EXPECT_TRUE(last().answers.empty());
  Ask({.client = kStranger, .id = 2});
  EXPECT_FALSE(Truncated());
  EXPECT_EQ(last().answers.size(), 1u);
  EXPECT_EQ(launches(), 0u);
  Ask({.client = kStranger, .transport = Transport::kTcp});
  EXPECT_EQ(last().answers.size(), 1u);
  EXPECT_EQ(launches(), 1u);
  EXPECT_EQ(Fate(WakeVerdict::kProve), 1u);
  EXPECT_EQ(Fate(WakeVerdict::kUnproven), 1u);
  EXPECT_EQ(Fate(WakeVerdict::kBoot), 1u);
}

TEST_F(FrontendTest, AValidCookieIsProofAndItsNetworkIsRemembered) {
  Start();
  Ask({.client = kStranger, .cookie = dns::CookieState::kValid});
  EXPECT_EQ(launches(), 1u);
  Ask({.name = "other.summon.test", .client = "198.51.100.9:99"});
  EXPECT_EQ(launches(), 2u);
}

TEST_F(FrontendTest, ACookieThatIsNotValidIsNoProof) {
  Start();
  Ask({.client = kStranger, .cookie = dns::CookieState::kBad});
  EXPECT_TRUE(Truncated());
  EXPECT_EQ(launches(), 0u);
}

TEST_F(FrontendTest, WhatIsRunningIsGivenToAnybody) {
  Start();
  Ask({});
  BecomeReady();
  Ask({.client = kStranger});
  EXPECT_FALSE(Truncated());
  EXPECT_EQ(last().answers.size(), 1u);
}

TEST_F(FrontendTest, StaticNamesNeedNoProof) {
  Start();
  Ask({.name = "static.summon.test", .client = kStranger});
  EXPECT_EQ(last().answers.size(), 1u);
}

TEST_F(FrontendTest, TrustedNetworksAreThoseOfTheConfiguration) {
  Start({.rest = "wake { trusted: \"198.51.100.0/24\" }"});
  Ask({.client = kStranger});
  EXPECT_EQ(launches(), 1u);
  Ask({.name = "other.summon.test"});
  EXPECT_TRUE(Truncated());
}

TEST_F(FrontendTest, ARefusedLookupStillHasItsPacket) {
  Start({.rest = "wake { in_flight_max: 1 }"});
  Ask({});  // now one is being started
  Ask({.name = "other.summon.test", .client = kStranger, .transport = Transport::kTcp});
  EXPECT_EQ(launches(), 1u);
  EXPECT_EQ(last().answers.size(), 1u);
  EXPECT_LE(last().answers[0].ttl, 5u);
  EXPECT_EQ(Fate(WakeVerdict::kInFlight), 1u);
  EXPECT_EQ(ExtendedError(), 18);  // Prohibited
  conductor_.OnPacket(ids_["other"], loop_->Now());
  EXPECT_EQ(launches(), 2u);
}

// Five seconds between two boots, ten after one in vain: what a client sends makes it one that was
// not, what the guest sends does not.
TEST_F(FrontendTest, FramesToTheGuestAreUseAndItsOwnAreNot) {
  Start();
  Asked stranger{.client = kStranger, .transport = Transport::kTcp};
  Ask(stranger);
  Halt();
  conductor_.OnTraffic(ids_["hello"], {.frames_from_guest = 5});
  stranger.later = std::chrono::seconds(6);
  Ask(stranger);
  EXPECT_EQ(launches(), 1u);
  EXPECT_EQ(Fate(WakeVerdict::kCoolDown), 1u);
  conductor_.OnTraffic(ids_["hello"], {.frames_to_guest = 1, .frames_from_guest = 5});
  Ask(stranger);
  EXPECT_EQ(launches(), 2u);
}

// Frames of an earlier time are no use of this one.
TEST_F(FrontendTest, OnlyNewFramesAreUse) {
  Start();
  conductor_.OnTraffic(ids_["hello"], {.frames_to_guest = 9});
  Asked stranger{.client = kStranger, .transport = Transport::kTcp};
  Ask(stranger);
  Halt();
  conductor_.OnTraffic(ids_["hello"], {.frames_to_guest = 9, .frames_from_guest = 1});
  stranger.later = std::chrono::seconds(6);
  Ask(stranger);
  EXPECT_EQ(launches(), 1u);
}

TEST_F(FrontendTest, ATrustedNetworkKnowsNoCoolDown) {
  Start();
  Ask({});
  Halt();
  Ask({});
  EXPECT_EQ(launches(), 2u);
}

// --- who waits ---

TEST_F(FrontendTest, ARetransmissionRefreshesItsWaiter) {
  Start({.policy = kHeld});
  Ask({});
  Ask({});
  EXPECT_EQ(summoner_.waiters(), 1u);
  EXPECT_EQ(Events(ParkEvent::kRefreshed), 1u);
  EXPECT_EQ(path_.abandoned, 1) << "the first way to the asker is given up for the second";
  BecomeReady();
  EXPECT_EQ(path_.answers.size(), 1u);
}

TEST_F(FrontendTest, AnotherPortIdNameTypeOrTransportIsAnotherWaiter) {
  Start({.policy = kHeld});
  Ask({});
  Ask({.client = "10.0.0.1:1054"});
  Ask({.id = 2});
  Ask({.name = "HELLO.summon.test"});  // the answer has to repeat the case
  Ask({.transport = Transport::kTcp});
  Ask({.client = "10.0.0.2:1053"});
  EXPECT_EQ(summoner_.waiters(), 6u);
  BecomeReady();
  EXPECT_EQ(path_.answers.size(), 6u);
}

TEST_F(FrontendTest, AfterTheAnswerTheSameQuestionIsNew) {
  Start({.policy = kHeld});
  Ask({});
  BecomeReady();
  Ask({});
  EXPECT_EQ(path_.answers.size(), 2u);
  EXPECT_EQ(Events(ParkEvent::kRefreshed), 0u);
}

TEST_F(FrontendTest, TheNinthOfANetworkIsAnsweredAtOnce) {
  Start({.policy = kHeld});
  for (std::uint16_t id = 0; id < 9; ++id) Ask({.id = id});
  EXPECT_EQ(summoner_.waiters(), 8u);
  EXPECT_EQ(path_.answers.size(), 1u);
  EXPECT_EQ(last().id, 8);
  EXPECT_EQ(ExtendedError(), 14);  // Not Ready
  EXPECT_EQ(Events(ParkEvent::kCrowdedOut), 1u);
  Ask({.client = "10.0.1.1:1053"});  // another network
  Ask({.name = "other.summon.test"});  // another service
  EXPECT_EQ(summoner_.waiters(), 10u);
  BecomeReady();
}

TEST_F(FrontendTest, AServiceHasThirtyTwoWaiters) {
  Start({.policy = kHeld});
  for (int i = 0; i < 40; ++i) Ask({.client = StrCat("10.0.", i, ".1:1053")});
  EXPECT_EQ(summoner_.waiters(), 32u);
  EXPECT_EQ(path_.answers.size(), 8u);
  BecomeReady();
  EXPECT_EQ(path_.answers.size(), 40u);
}

TEST_F(FrontendTest, TheNewestIsAnsweredFirst) {
  Start({.policy = kHeld});
  for (std::uint16_t id = 1; id <= 3; ++id) Ask({.id = id});
  BecomeReady();
  ASSERT_EQ(path_.answers.size(), 3u);
  EXPECT_EQ(path_.answers[0].answer.id, 3);
  EXPECT_EQ(path_.answers[2].answer.id, 1);
}

TEST_F(FrontendTest, ReleasedAnswersArePacedByTurnsOfTheLoop) {
  Start({.policy = kHeld});
  conductor_.Change([&](Instant now, Effects& effects) {
    Policy policy;
    policy.answer = AnswerMode::kWhenReady;
    policy.hold_max = std::chrono::hours(1);
    policy.waiters_max = 1'000;
    ServiceSpec spec{.name = "hello", .policy = policy};
    spec.kinds = {true, false};
    summoner_.Replace(ids_["hello"], spec, now, effects);
  });
  for (int i = 0; i < 200; ++i) Ask({.client = StrCat("10.0.", i, ".1:1053")});
  BecomeReady();
  EXPECT_EQ(path_.answers.size(), 64u);
  std::vector<std::size_t> turns;
  EXPECT_TRUE(loop_->RunUntil(
      [&] {
        if (turns.empty() || turns.back() != path_.answers.size()) {
          turns.push_back(path_.answers.size());
        }
        return path_.answers.size() == 200;
      },
      kPatience));
  // RunUntil looks once a turn, but a late turn may run its timers twice.
  ASSERT_GE(turns.size(), 3u);
  EXPECT_EQ(turns[0], 64u);
  EXPECT_LE(turns[1], 192u);
  EXPECT_EQ(path_.answers[199].client, dns::Endpoint::Parse("10.0.0.1:1053").value());
  EXPECT_EQ(summoner_.waiters(), 0u);
}

// The one who asks now never stands behind those who are released.
TEST_F(FrontendTest, WhoAsksWhileOthersAreReleasedIsAnsweredAtOnce) {
  Start({.policy = kHeld});
  for (int i = 0; i < 32; ++i) Ask({.client = StrCat("10.0.", i, ".1:1053")});
  for (int i = 0; i < 32; ++i) Ask({.name = "other.summon.test",
                                    .client = StrCat("10.1.", i, ".1:1053")});
  BecomeReady();
  conductor_.OnStage(launcher_.launches.front(),
                     {launcher::Stage::kReady, loop_->Now(), launcher::Kind::kKvm});
  Ask({.id = 77});
  EXPECT_EQ(last().id, 77);
}

}  // namespace
}  // namespace summon::summoner
