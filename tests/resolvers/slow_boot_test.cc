// SPDX-License-Identifier: Apache-2.0
// A boot that takes from 0.3 to 6 s, and everybody who may wait for it: glibc, musl and c-ares,
// each asking us, unbound, BIND, dnsmasq and systemd-resolved, all at the same time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "base/strings.h"
#include "tests/end_to_end/fixture.h"
#include "tests/resolvers/resolver.h"
#include "tests/testbed/peers.h"

namespace summon::resolvers {
namespace {

using end_to_end::kPatience;

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kTypeAaaa = 28;

// The boots that are tried. 6 s is six retransmissions of a SYN at the latest, and longer than
// every first patience of a stub (5 s).
constexpr int kBootsMs[] = {300, 1000, 3000, 6000};

struct SlowBoot {
  std::string answer;  // of the policy
  int boot_ms = 0;
};
std::string NameOf(const SlowBoot& slow) {
  return StrCat(slow.answer == "IMMEDIATELY" ? "at-once-" : "when-ready-", slow.boot_ms);
}
std::vector<SlowBoot> AllBoots() {
  std::vector<SlowBoot> boots;
  for (const int boot_ms : kBootsMs) {
    boots.push_back({.answer = "IMMEDIATELY", .boot_ms = boot_ms});
    boots.push_back({.answer = "WHEN_READY", .boot_ms = boot_ms});
  }
  return boots;
}

// A stub that asks one server, and what became of it.
struct Client {
  std::string label;
  testbed::Arguments command;
  Duration begins_after{};
  testbed::Finished finished{};
};

// One house for all: its resolvers get to know our server as they would in a day's work.
struct Street {
  std::unique_ptr<testbed::House> house;
  std::vector<std::unique_ptr<Resolver>> resolvers;
  std::vector<std::string> missing;  // reasons
  testbed::ScratchFolder folder;
  std::vector<std::unique_ptr<testbed::ScratchFolder>> client_folders;
  std::vector<std::pair<std::string, std::string>> stubs;  // label, program
};

class SlowBoots : public testing::TestWithParam<SlowBoot> {
 protected:
  static void SetUpTestSuite() {
    if (!end_to_end::WhyNot("PROCESS").empty()) return;
    street_ = new Street;
    const bool kvm = end_to_end::WhyNot("KVM").empty();
    std::string services;
    int host_number = 10;
    for (const SlowBoot& slow : AllBoots()) {
      testbed::ServiceText service{.name = NameOf(slow),
                                   .address = StrCat("10.77.0.", host_number++),
                                   .launcher = kvm ? "KVM" : "PROCESS"};
      service.policy = StrCat("answer: ", slow.answer, " hold_max_ms: 1500 idle_timeout_s: 120");
      service.command_line += StrCat(" --delay-ms=", slow.boot_ms);
      services += testbed::Text(service);
    }
    auto house = StartHouse(services);
    ASSERT_TRUE(house.ok()) << house.error().message();
    street_->house = std::move(house).value();
    StartResolvers();
    FindStubs();
  }
  static void TearDownTestSuite() {
    delete street_;
    street_ = nullptr;
  }

  static void StartResolvers() {
    for (const ResolverKind& kind : ResolverKinds()) {
      if (const std::string why = testbed::WhyNoPeer(kind.program); !why.empty()) {
        street_->missing.push_back(why);
        continue;
      }
      const auto zone = ZonePartOf(kind);
      ASSERT_TRUE(zone.ok()) << zone.error().message();
      auto resolver = Resolver::Start(street_->house->network().client(), kind, *zone);
      ASSERT_TRUE(resolver.ok()) << resolver.error().message();
      street_->resolvers.push_back(std::move(resolver).value());
    }
  }
  static void FindStubs() {
    street_->stubs = {{"glibc", testbed::TestPath("lookup_libc")},
                      {"c-ares", testbed::TestPath("lookup_ares")}};
    if (const std::string why = testbed::WhyNoPeer("musl-gcc"); !why.empty()) {
      street_->missing.push_back(why);
      return;
    }
    const std::string program = street_->folder.path() + "/lookup_musl";
    const std::string sources = testbed::SourcePath("tests/resolvers/");
    const auto built = testbed::RunIn(-1, {testbed::PeerPath("musl-gcc"), "-o", program,
                                           sources + "lookup_main.c", sources + "lookup_libc.c"});
    ASSERT_TRUE(built.ok()) << built.error().message();
    street_->stubs.emplace_back("musl", program);
  }

  void SetUp() override {
    if (street_ == nullptr) GTEST_SKIP() << end_to_end::WhyNot("PROCESS");
    ASSERT_NE(street_->house, nullptr);
    service_ = NameOf(GetParam());
    name_ = service_ + ".summon.test";
    const Status asleep = street_->house->AwaitState(service_, "asleep", kPatience);
    ASSERT_TRUE(asleep.ok()) << asleep.error().message();
  }
  void TearDown() override {
    // A machine whose boot it was to compute shall not stay.
    if (street_ != nullptr && street_->house) (void)street_->house->Reclaim(service_);
  }

  // Every stub with every server, beginning `begins_after`.
  std::vector<Client> Clients(Duration begins_after) {
    std::vector<std::pair<std::string, std::string>> servers = {{"Summon", kPagesAddress}};
    for (const auto& resolver : street_->resolvers) {
      servers.emplace_back(resolver->name(), resolver->address());
    }
    std::vector<Client> clients;
    for (const auto& [server, address] : servers) {
      for (const auto& [stub, program] : street_->stubs) {
        street_->client_folders.push_back(std::make_unique<testbed::ScratchFolder>());
        clients.push_back(
            {.label = StrCat(stub, " asking ", server),
             .command = WithNameServer(*street_->client_folders.back(), address, {program, name_}),
             .begins_after = begins_after});
      }
    }
    return clients;
  }

  static void Run(std::vector<Client>& clients) {
    std::vector<std::thread> threads;
    for (Client& client : clients) {
      threads.emplace_back([&client] {
        std::this_thread::sleep_for(client.begins_after);
        auto finished = testbed::FinishIn(street_->house->network().client(), client.command);
        client.finished = finished.ok() ? std::move(finished).value()
                                        : testbed::Finished{127, finished.error().message()};
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  Result<testbed::DnsAnswer> Ask(const Resolver& resolver, std::uint16_t type) {
    const testbed::InNamespace there(street_->house->network().client());
    return testbed::AskDns(
        {.name = name_, .type = type, .server = resolver.address(), .port = kDnsPort}, kPatience);
  }

  static Street* street_;
  std::string service_;
  std::string name_;
};
Street* SlowBoots::street_ = nullptr;

TEST_P(SlowBoots, EveryClientGetsItsPageFromItsFirstLookup) {
  // Half of them come while it boots already.
  std::vector<Client> clients = Clients({});
  for (Client& late : Clients(std::chrono::milliseconds(GetParam().boot_ms / 2))) {
    clients.push_back(std::move(late));
  }
  Run(clients);
  for (const Client& client : clients) {
    const std::string seen = StrCat(client.label, ": ", client.finished.output);
    EXPECT_EQ(client.finished.exit_status, 0) << seen;
    std::fputs(seen.c_str(), stdout);
  }
  for (const auto& resolver : street_->resolvers) {
    const auto address = Ask(*resolver, 1);
    ASSERT_TRUE(address.ok()) << resolver->name() << ": " << address.error().message();
    EXPECT_EQ(address->rcode, 0) << resolver->name() << " holds an error";
    EXPECT_TRUE(address->address.has_value()) << resolver->name() << " holds no address";
    const auto none = Ask(*resolver, kTypeAaaa);
    ASSERT_TRUE(none.ok()) << resolver->name() << ": " << none.error().message();
    EXPECT_EQ(none->rcode, 0) << resolver->name() << " holds an error";
  }
  EXPECT_EQ(street_->house->StatusOf(service_).generation(), 1u) << "it was summoned once for all";
  // A part that is missing here is a case that was not tried.
  if (!street_->missing.empty()) GTEST_SKIP() << street_->missing.front();
}

INSTANTIATE_TEST_SUITE_P(Of, SlowBoots, testing::ValuesIn(AllBoots()), [](const auto& tested) {
  return StrCat(tested.param.answer == "IMMEDIATELY" ? "AnsweredAtOnce" : "AnsweredWhenReady",
                tested.param.boot_ms, "ms");
});

}  // namespace
}  // namespace summon::resolvers
