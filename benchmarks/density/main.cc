// SPDX-License-Identifier: Apache-2.0
// Density: how many instances run at the same time, what each costs, and what one more service has
// to wait for its first byte when all the others are there. A real summond and launcherd with a tap
// for each service, in namespaces of their own.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"
#include "benchmarks/crowd/crowd.h"
#include "benchmarks/crowd/town.h"

namespace summon::benchmarks {
namespace {

struct Options {
  TownOptions town{.services = 2000, .policy = "idle_timeout_s: 604800 on_idle: KEEP_RUNNING"};
  unsigned extra = 30;       // samples of one more
  std::size_t at_once = 32;  // visits in progress while instances are made
  std::string folder = "build/bench";
};

int Complain(const Error& error) {
  std::fprintf(stderr, "density: %s\n", error.message().c_str());
  return 1;
}

CrowdOptions Crowding(const testbed::House& house, const Options& options) {
  return {.client_namespace = house.network().client(),
          .server = testbed::Network::kHostAddress,
          .in_progress_max = options.at_once,
          .from = From::kBegin};
}

// The last service is the extra one; the others are there to fill the machine.
std::string ExtraService(const Options& options) { return ServiceName(options.town.services); }

// Of the host, KiB.
struct HostMemory {
  double available = 0;
  double slab = 0;
  double tables = 0;
  double stacks = 0;
};

HostMemory LookAtHost() {
  HostMemory host;
  std::ifstream file("/proc/meminfo");
  std::string line;
  while (std::getline(file, line)) {
    const auto add = [&line](std::string_view key, double& to) {
      if (line.starts_with(key)) to += std::stod(line.substr(key.size()));
    };
    add("MemAvailable:", host.available);
    add("Slab:", host.slab);
    add("PageTables:", host.tables);
    add("SecPageTables:", host.tables);
    add("KernelStack:", host.stacks);
  }
  return host;
}

// Pss of the monitors that run, KiB: with what their guests touched.
double PssOfMonitors(const testbed::House& house) {
  double sum = 0;
  for (const pid_t pid : house.Monitors()) {
    std::ifstream file(StrCat("/proc/", pid, "/smaps_rollup"));
    std::string word;
    double kib = 0;
    while (file >> word) {
      if (word == "Pss:" && file >> kib) sum += kib;
    }
  }
  return sum;
}

// One cold summon of the extra service.
Result<Sample> OneMore(testbed::House& house, const Options& options) {
  SUMMON_TRY(house.Reclaim(ExtraService(options)));
  constexpr Duration kSettle = std::chrono::milliseconds(30);
  std::this_thread::sleep_for(kSettle);
  const auto outcomes = SUMMON_TRY(
      SendCrowd(Crowding(house, options), {{.name = ExtraService(options) + ".summon.test"}}));
  if (outcomes.front().fate != Fate::kServed) {
    return Error(ErrorCode::kIo, FatesText("one more", outcomes));
  }
  return Sample{outcomes.front().answer_us, outcomes.front().first_byte_us};
}

Series OneMoreSeries(testbed::House& house, const Options& options, const std::string& label) {
  const Way way{label, [&] { return OneMore(house, options); }};
  constexpr Duration kLimit = std::chrono::seconds(20);
  return MeasureInTurn({way}, {.count = options.extra, .limit = kLimit}).front();
}

// Every service but the extra one, as fast as `at_once` visitors can.
Result<Series> Fill(testbed::House& house, const Options& options) {
  std::vector<Visit> visits;
  for (unsigned i = 0; i < options.town.services; ++i) {
    visits.push_back({.name = ServiceName(i) + ".summon.test"});
  }
  const SystemClock clock;
  const Instant started = clock.Now();
  const auto outcomes = SUMMON_TRY(SendCrowd(Crowding(house, options), visits));
  const double seconds = Micros(clock.Now() - started) / 1e6;
  std::printf("%screation: %.0f instances a second\n", FatesText("fill", outcomes).c_str(),
              static_cast<double>(visits.size()) / seconds);
  return SeriesOf("filling", outcomes);
}

void ReportMemory(testbed::House& house, const Options& options, const HostMemory& before,
                  std::size_t ready) {
  constexpr Duration kSettle = std::chrono::seconds(2);  // the kernel counts with some delay
  std::this_thread::sleep_for(kSettle);
  const HostMemory after = LookAtHost();
  const double count = static_cast<double>(std::max<std::size_t>(ready, 1));
  std::printf(
      "%zu instances of %u MiB run\n"
      "for each, KiB: %.0f of available memory; %.0f Pss with what its guest touched; "
      "slab %.0f, page tables %.0f, stacks %.0f\n"
      "host, MiB: %.0f available before, %.0f now\n"
      "descriptors: launcherd %zu, summond %zu\n\n",
      ready, options.town.memory_mib, (before.available - after.available) / count,
      PssOfMonitors(house) / count, (after.slab - before.slab) / count,
      (after.tables - before.tables) / count, (after.stacks - before.stacks) / count,
      before.available / 1024, after.available / 1024, house.launcherd().OpenDescriptors(),
      house.summond().OpenDescriptors());
}

Result<int> Measure(const Options& options) {
  TownOptions town = options.town;
  ++town.services;  // the extra one
  SUMMON_TRY(CheckRoomFor(town));
  auto house = SUMMON_TRY(BuildTown(town));
  std::printf("%u services are prepared\n", town.services);
  Measurement measurement{
      .name = "density", .columns = CrowdColumns(), .peer = "one alone", .ways = {}};
  measurement.ways.push_back(OneMoreSeries(*house, options, "one alone"));
  const HostMemory before = LookAtHost();
  measurement.ways.push_back(SUMMON_TRY(Fill(*house, options)));
  const Census census = SUMMON_TRY(AwaitReady(*house, town.services));
  ReportMemory(*house, options, before, census.ready);
  measurement.ways.push_back(OneMoreSeries(*house, options, "one more"));
  std::printf("%s\n", Table(measurement, kCrowdFirstByte).c_str());
  if (census.ready < town.services) {
    std::printf("only %zu of %u run: %s\n", census.ready, town.services, census.problem.c_str());
  }
  SUMMON_TRY(CloseTown(std::move(house)));
  return WriteFiles(measurement, {.folder = options.folder, .column = kCrowdFirstByte});
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
      "Runs very many instances at the same time: how fast they are made, what each "
      "costs, and how long one more takes. Needs root."};
  app.add_option("--instances", options.town.services, "how many")
      ->check(CLI::Range(1u, summon::benchmarks::kTownServicesMax - 1))
      ->capture_default_str();
  app.add_option("--extra", options.extra, "samples of one more")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--at-once", options.at_once, "visitors while instances are made")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--memory-mib", options.town.memory_mib, "each guest's memory")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  app.add_option("--launcher", options.town.launcher, "how services run")
      ->check(CLI::IsMember({"KVM", "PROCESS"}))
      ->capture_default_str();
  app.add_option("--folder", options.folder, "where samples and plot go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return summon::benchmarks::Run(options);
}
