// SPDX-License-Identifier: Apache-2.0
// Query to first byte: how long a client waits for a page of a service that is asleep.
//
// Ways are measured in turn within one run, because machines drift: on KVM, as a sandboxed
// process, and, as the peer, the same program built natively and started for each connection.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "base/strings.h"
#include "benchmarks/query_to_first_byte/measure.h"
#include "benchmarks/query_to_first_byte/report.h"

namespace summon::benchmarks {
namespace {

constexpr std::uint16_t kNativePort = 8080;

struct Options {
  unsigned summons = 200;
  std::string folder = "build/bench";
  bool kvm_only = false;
};

std::string ServicesText() {
  using testbed::Text;
  return Text({.name = "kvm", .address = "10.77.0.10", .launcher = "KVM"}) +
         Text({.name = "process", .address = "10.77.0.11", .launcher = "PROCESS"});
}

std::vector<Way> Ways(const Options& options) {
  std::vector<Way> ways = {{.label = "kvm", .name = "kvm.summon.test", .service = "kvm"}};
  if (!options.kvm_only) {
    ways.push_back({.label = "process", .name = "process.summon.test", .service = "process"});
    ways.push_back({.label = "native", .name = "ns.summon.test", .port = kNativePort});
  }
  return ways;
}

// Runs every way `count` times, in turn.
void MeasureAll(testbed::House& house, std::vector<Way>& ways, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    for (Way& way : ways) {
      const Status measured = MeasureOnce(house, way);
      if (!measured.ok()) way.failures.push_back(measured.error().message());
    }
  }
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path) << content;
  std::printf("wrote %s\n", path.c_str());
}

int Report(const Options& options, const std::vector<Way>& ways, const Resources& before,
           const Resources& after) {
  std::printf("%s\n%s\n", MachineText().c_str(), Table(ways, "native").c_str());
  std::printf("left over: summond %+ld descriptors, %+ld KiB; launcherd %+ld descriptors, %+ld KiB;"
              " %+ld monitors; %+ld interfaces\n",
              static_cast<long>(after.summond_descriptors - before.summond_descriptors),
              static_cast<long>(after.summond_kib - before.summond_kib),
              static_cast<long>(after.launcherd_descriptors - before.launcherd_descriptors),
              static_cast<long>(after.launcherd_kib - before.launcherd_kib),
              static_cast<long>(after.monitors - before.monitors),
              static_cast<long>(after.interfaces - before.interfaces));
  WriteFile(options.folder + "/query_to_first_byte.json", SamplesJson(ways));
  WriteFile(options.folder + "/query_to_first_byte.svg", PlotSvg(ways));
  int status = 0;
  for (const Way& way : ways) {
    for (const std::string& failure : way.failures) {
      std::fprintf(stderr, "%s failed: %s\n", way.label.c_str(), failure.c_str());
      status = 1;
    }
  }
  return status;
}

int Run(const Options& options) {
  auto house = testbed::House::Start(
      {.services = ServicesText(),
       .settings = "limits { memory_budget_mib: 256 }"});
  if (!house.ok()) {
    std::fprintf(stderr, "%s\n", house.error().message().c_str());
    return 1;
  }
  const auto peer = testbed::Daemon::Start(
      (*house)->network().host(),
      {testbed::ProgramPath("query_to_first_byte_inetd"), StrCat(kNativePort),
       testbed::ProgramPath("web_native")},
      (*house)->folder() + "/inetd.log");
  if (!peer.ok()) {
    std::fprintf(stderr, "%s\n", peer.error().message().c_str());
    return 1;
  }
  std::vector<Way> ways = Ways(options);
  std::vector<Way> warm_up = ways;
  constexpr unsigned kWarmUp = 5;
  MeasureAll(**house, warm_up, kWarmUp);
  for (const Way& way : ways) {
    if (!way.service.empty()) (void)(*house)->Reclaim(way.service);  // failures show below
  }
  std::this_thread::sleep_for(kSettle);
  const Resources before = Look(**house);
  MeasureAll(**house, ways, options.summons);
  for (const Way& way : ways) {
    if (!way.service.empty()) (void)(*house)->Reclaim(way.service);
  }
  std::this_thread::sleep_for(kSettle);
  return Report(options, ways, before, Look(**house));
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{"Measures the time from a DNS query to the first byte of a sleeping service."};
  app.add_option("--summons", options.summons, "samples of each way")->capture_default_str();
  app.add_option("--folder", options.folder, "where samples and plot go")->capture_default_str();
  app.add_flag("--kvm-only", options.kvm_only, "leave out the other ways");
  CLI11_PARSE(app, argc, argv);
  std::error_code failed;
  std::filesystem::create_directories(options.folder, failed);  // writing tells if this failed
  return summon::benchmarks::Run(options);
}
