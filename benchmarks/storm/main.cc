// SPDX-License-Identifier: Apache-2.0
// Storm: very many services asked for at once, and then again and again at a steady rate. A real
// summond and launcherd with a tap for each service, in namespaces of their own; the same crowd
// visits native programs that inetd starts, as the peer, before and after.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "base/strings.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"
#include "benchmarks/crowd/crowd.h"
#include "benchmarks/crowd/town.h"

namespace summon::benchmarks {
namespace {

constexpr std::uint16_t kNativePort = 8080;

struct Options {
  TownOptions town{.services = 1000};
  unsigned idle_timeout_s = 1;
  unsigned rate = 500;
  unsigned seconds = 20;
  std::string folder = "build/bench";
};

int Complain(const Error& error) {
  std::fprintf(stderr, "storm: %s\n", error.message().c_str());
  return 1;
}

std::string NameOf(const Options& options, unsigned visit) {
  return ServiceName(visit % options.town.services) + ".summon.test";
}

enum class Whom { kSummon, kNative };

Visit VisitTo(const Options& options, Whom whom, unsigned number) {
  if (whom == Whom::kSummon) return {.name = NameOf(options, number)};
  return {.name = "ns.summon.test", .port = kNativePort};
}

std::vector<Visit> Burst(const Options& options, Whom whom) {
  std::vector<Visit> visits;
  for (unsigned i = 0; i < options.town.services; ++i) {
    visits.push_back(VisitTo(options, whom, i));
  }
  return visits;
}

std::vector<Visit> Steady(const Options& options, Whom whom) {
  std::vector<Visit> visits;
  for (unsigned i = 0; i < options.rate * options.seconds; ++i) {
    visits.push_back(VisitTo(options, whom, i));
    visits.back().due = std::chrono::nanoseconds(std::chrono::seconds(1)) * i / options.rate;
  }
  return visits;
}

// A phase of the storm, and what is counted besides its visits.
struct Phase {
  std::string label;
  std::vector<Visit> visits;
};

Result<Series> Weather(testbed::House& house, const Phase& phase) {
  const CrowdOptions options{.client_namespace = house.network().client(),
                             .server = testbed::Network::kHostAddress};
  const Census before = SUMMON_TRY(Count(house));
  const auto outcomes = SUMMON_TRY(SendCrowd(options, phase.visits));
  const Census after = SUMMON_TRY(Count(house));
  std::printf("%s", FatesText(phase.label, outcomes).c_str());
  std::printf("%s: %llu summons\n", phase.label.c_str(),
              static_cast<unsigned long long>(after.summons - before.summons));
  (void)std::fflush(stdout);
  return SeriesOf(phase.label, outcomes);
}

// All must be asleep again, with the taps and descriptors of before.
struct Belongings {
  std::size_t summond_descriptors = 0;
  std::size_t interfaces = 0;
};
bool NothingMore(const Belongings& before, const Belongings& after) {
  return after.summond_descriptors <= before.summond_descriptors &&
         after.interfaces == before.interfaces;
}
Belongings Look(testbed::House& house) {
  return {house.summond().OpenDescriptors(), house.network().HostInterfaces().size()};
}
// Connections of ours to the control socket close a moment after we have our answer.
Belongings LookUntilNothingMore(testbed::House& house, const Belongings& before) {
  constexpr Duration kPatience = std::chrono::seconds(2);
  constexpr Duration kLookAgain = std::chrono::milliseconds(20);
  Belongings after = Look(house);
  for (Duration waited{}; waited < kPatience && !NothingMore(before, after); waited += kLookAgain) {
    std::this_thread::sleep_for(kLookAgain);
    after = Look(house);
  }
  return after;
}

// The same crowd at the peer and at Summon; all are asleep again afterwards.
struct Spell {
  std::string name;  // burst, steady
  std::vector<Visit> (*visits)(const Options&, Whom);
};

Result<int> Endure(testbed::House& house, const Options& options, const Spell& spell) {
  constexpr Duration kSleepPatience = std::chrono::seconds(60);
  Measurement measurement{.name = StrCat("storm_", spell.name),
                          .columns = CrowdColumns(),
                          .peer = StrCat("native ", spell.name),
                          .ways = {}};
  for (const Phase& phase :
       {Phase{measurement.peer, spell.visits(options, Whom::kNative)},
        Phase{StrCat("summon ", spell.name), spell.visits(options, Whom::kSummon)}}) {
    measurement.ways.push_back(SUMMON_TRY(Weather(house, phase)));
    SUMMON_TRY(AwaitSleep(house, kSleepPatience).Wrap(StrCat("after ", phase.label)));
  }
  std::printf("\n%s\n%s\n", Table(measurement, kCrowdAnswer).c_str(),
              Table(measurement, kCrowdFirstByte).c_str());
  return WriteFiles(measurement, {.folder = options.folder, .column = kCrowdFirstByte});
}

Result<int> Measure(const Options& options) {
  SUMMON_TRY(CheckRoomFor(options.town));
  auto house = SUMMON_TRY(BuildTown(options.town));
  const auto peer =
      SUMMON_TRY(testbed::Daemon::Start(house->network().host(),
                                        {testbed::ProgramPath("query_to_first_byte_inetd"),
                                         StrCat(kNativePort), testbed::ProgramPath("web_native")},
                                        house->folder() + "/inetd.log"));
  SUMMON_TRY(AwaitPage(house->network().client(),
                       {.address = testbed::Network::kHostAddress, .port = kNativePort}));
  std::printf("%u services are prepared\n\n", options.town.services);
  const Belongings before = Look(*house);
  int status = SUMMON_TRY(Endure(*house, options, {"burst", Burst}));
  status |= SUMMON_TRY(Endure(*house, options, {"steady", Steady}));
  const Belongings after = LookUntilNothingMore(*house, before);
  std::printf(
      "afterwards all are asleep; summond: %zu descriptors (%zu before); host: %zu "
      "interfaces (%zu before); monitors that wait: %zu\n",
      after.summond_descriptors, before.summond_descriptors, after.interfaces, before.interfaces,
      house->Monitors().size());
  SUMMON_TRY(CloseTown(std::move(house)));
  return status | (NothingMore(before, after) ? 0 : 1);
}

int Run(const Options& options) {
  const Holdings before = LookAtOurselves();
  std::printf("%s\n", MachineText().c_str());
  const auto status = Measure(options);
  if (!status.ok()) return Complain(status.error());
  return *status | ReportLeftovers(before);
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{
      "Asks for very many sleeping services at once, and then at a steady rate: a real "
      "summond and launcherd in network namespaces of their own. Needs root."};
  app.add_option("--services", options.town.services, "how many, and visits in the burst")
      ->check(CLI::Range(1u, summon::benchmarks::kTownServicesMax))
      ->capture_default_str();
  app.add_option("--rate", options.rate, "visits in a second afterwards")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "how long afterwards")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  app.add_option("--idle-timeout-s", options.idle_timeout_s,
                 "services go this long after their last frame; below a second or two clients "
                 "whose packets wait longer than that are cut off")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  app.add_option("--launcher", options.town.launcher, "how services run")
      ->check(CLI::IsMember({"KVM", "PROCESS"}))
      ->capture_default_str();
  app.add_option("--pool", options.town.pool, "waiting monitors; 0: launcherd's own default")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  app.add_option("--folder", options.folder, "where samples and plot go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.town.policy = summon::StrCat("idle_timeout_s: ", options.idle_timeout_s,
                                       " ttl_asleep_s: 1 ttl_ready_s: 1 grace_s: 0");
  return summon::benchmarks::Run(options);
}
