// SPDX-License-Identifier: Apache-2.0
// Query to first byte: how long a client waits for a page of a service that is asleep.
//
// Ways are measured in turn within one run, because machines drift: on KVM, from off and from each
// rung that a service can rest on; as a sandboxed process; and, as the peer, the same program built
// natively and started for each connection.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/strings.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"
#include "benchmarks/crowd/town.h"
#include "benchmarks/query_to_first_byte/measure.h"

namespace summon::benchmarks {
namespace {

constexpr std::uint16_t kNativePort = 8080;
constexpr unsigned kSpinnersMax = 8;  // their memory fits the budget
constexpr const char* kRungs[] = {"paused", "parked", "saved"};

struct Options {
  unsigned summons = 200;
  unsigned seconds_max = 100;
  std::string folder = "build/bench";
  bool kvm_only = false;
  unsigned spinners = 0;
};

int Complain(const Error& error) {
  std::fprintf(stderr, "query_to_first_byte: %s\n", error.message().c_str());
  return 1;
}

std::string Capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::vector<Target> Targets(const Options& options) {
  std::vector<Target> targets = {
      {.label = "kvm", .name = "kvm.summon.test", .service = "kvm", .rung = {}}};
  for (const char* rung : kRungs) {
    targets.push_back({.label = StrCat("kvm ", rung),
                       .name = StrCat(rung, ".summon.test"),
                       .service = rung,
                       .rung = rung});
  }
  if (options.kvm_only) return targets;
  targets.push_back(
      {.label = "process", .name = "process.summon.test", .service = "process", .rung = {}});
  targets.push_back({.label = "native",
                     .name = "ns.summon.test",
                     .service = {},
                     .rung = {},
                     .port = kNativePort});
  return targets;
}

std::string ServicesText(const std::vector<Target>& targets) {
  std::string text;
  unsigned last_octet = 10;
  for (const Target& target : targets) {
    if (target.service.empty()) continue;
    testbed::ServiceText service{.name = target.service,
                                 .address = StrCat("10.77.0.", last_octet++),
                                 .launcher = target.label == "process" ? "PROCESS" : "KVM"};
    if (!target.rung.empty()) service.policy = StrCat("on_idle: ", Capitals(target.rung));
    text += testbed::Text(service);
  }
  return text;
}

std::string NameOfSpinner(unsigned number) { return StrCat("spinner", number); }

// Guests that are ready and then never wait.
std::string SpinnersText(unsigned spinners) {
  std::string text;
  constexpr unsigned kFirstOctet = 100;
  for (unsigned i = 0; i < spinners; ++i) {
    text += testbed::Text({.name = NameOfSpinner(i),
                           .address = StrCat("10.77.0.", kFirstOctet + i),
                           .guest = "hostile",
                           .launcher = "KVM",
                           .policy = "on_idle: KEEP_RUNNING",
                           .extra = "net { none: true }",
                           .command_line = "ready_loop"});
  }
  return text;
}

// Summons them, and waits until they have been found out.
Status BeginSpinning(testbed::House& house, unsigned spinners) {
  for (unsigned i = 0; i < spinners; ++i) {
    SUMMON_TRY(MakeRun(house, NameOfSpinner(i)).Wrap(NameOfSpinner(i)));
  }
  if (spinners == 0) return Ok();
  constexpr Duration kFoundOut = std::chrono::seconds(10);
  std::this_thread::sleep_for(kFoundOut);
  return Ok();
}

std::string LostFirstPackets(const Measurement& measurement) {
  std::string text = "samples in which a first packet was lost:";
  for (const Series& way : measurement.ways) {
    const auto sent_again = ColumnOf(way, kRetransmits);
    text += StrCat(" ", way.label, " ",
                   std::count_if(sent_again.begin(), sent_again.end(),
                                 [](double segments) { return segments > 0; }));
  }
  return text + "\n";
}

int Report(const Options& options, const Measurement& measurement) {
  std::printf("%s\n%s\n%s\n", Table(measurement, kAnswer).c_str(),
              Table(measurement, kFirstByte).c_str(), LostFirstPackets(measurement).c_str());
  return WriteFiles(measurement, {.folder = options.folder, .column = kFirstByte});
}

void PutAllAway(testbed::House& house, const std::vector<Target>& targets) {
  for (Target target : targets) {
    target.rung.clear();
    (void)PutAway(house, target);  // what cannot be put away shows in the differences
  }
  std::this_thread::sleep_for(kSettle);
}

int Measure(testbed::House& house, const std::vector<Target>& targets, const Options& options) {
  std::vector<Way> ways;
  for (const Target& target : targets) {
    ways.push_back({target.label, [&house, target] { return MeasureOnce(house, target); }});
  }
  constexpr unsigned kWarmUp = 5;
  Measurement measurement{
      .name = "query_to_first_byte", .columns = QueryColumns(), .peer = "native", .ways = {}};
  (void)MeasureInTurn(ways, {.warm_up = kWarmUp, .count = 0});  // what fails, fails below too
  PutAllAway(house, targets);
  const Resources before = Look(house);
  measurement.ways = MeasureInTurn(
      ways,
      {.warm_up = 0, .count = options.summons, .limit = std::chrono::seconds(options.seconds_max)});
  PutAllAway(house, targets);
  const Resources after = Look(house);
  const int status = Report(options, measurement);
  std::printf("%s", Differences(before, after).c_str());
  return status;
}

int Run(const Options& options) {
  std::printf("%s\n", MachineText().c_str());
  const std::vector<Target> targets = Targets(options);
  auto house = testbed::House::Start(
      {.services = ServicesText(targets) + SpinnersText(options.spinners),
       .settings = "limits { memory_budget_mib: 512 }"});
  if (!house.ok()) return Complain(house.error());
  const auto peer =
      testbed::Daemon::Start((*house)->network().host(),
                             {testbed::ProgramPath("query_to_first_byte_inetd"),
                              StrCat(kNativePort), testbed::ProgramPath("web_native")},
                             (*house)->folder() + "/inetd.log");
  if (!peer.ok()) return Complain(peer.error());
  const Status listens =
      AwaitPage((*house)->network().client(),
                {.address = testbed::Network::kHostAddress, .port = kNativePort});
  if (!listens.ok()) return Complain(listens.error());
  if (Status spin = BeginSpinning(**house, options.spinners); !spin.ok()) {
    return Complain(spin.error());
  }
  const int status = Measure(**house, targets, options);
  const Status closed = CloseTown(std::move(*house));
  if (!closed.ok()) return Complain(closed.error());
  std::printf("no daemon and no monitor is left\n");
  return status;
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{
      "Measures the time from a DNS query to the first byte of a sleeping service: a real "
      "summond and launcherd in network namespaces of their own. Needs root."};
  app.add_option("--summons", options.summons, "samples of each way")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--seconds-max", options.seconds_max, "begin no further round after this time")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--folder", options.folder, "where samples and plot go")->capture_default_str();
  app.add_flag("--kvm-only", options.kvm_only, "leave out the other ways");
  app.add_option("--spinners", options.spinners, "guests beside them that never wait")
      ->check(CLI::Range(0u, summon::benchmarks::kSpinnersMax))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return summon::benchmarks::Run(options);
}
