// SPDX-License-Identifier: Apache-2.0
// Boot: from just before a job (or an order) is sent to a monitor until the guest's first console
// byte can be read, beside the start of an ordinary program; and what an instance costs in memory.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/strings.h"
#include "benchmarks/boot/memory.h"
#include "benchmarks/boot/ways.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/report.h"

namespace summon::benchmarks {
namespace {

struct Options {
  unsigned samples = 300;
  unsigned instances = 50;
  unsigned idle_ms = 5;
  unsigned seconds_max = 90;
  std::string guest_mode = "auto";
  std::string kvm_path = "/dev/kvm";
  std::string folder = "build/bench";
  std::uint32_t memory_mib = 16;
};

int Complain(const Error& error) {
  std::fprintf(stderr, "boot: %s\n", error.message().c_str());
  return 1;
}

// None when KVM cannot be used.
Result<std::vector<std::string>> Modes(Stable& stable, const Options& options) {
  if (access(options.kvm_path.c_str(), R_OK | W_OK) != 0) {
    std::printf("%s cannot be used: the ways on KVM are left out\n", options.kvm_path.c_str());
    return std::vector<std::string>();
  }
  if (options.guest_mode == "both") return std::vector<std::string>{"ring0", "ring3"};
  std::string mode = options.guest_mode;
  if (mode == "auto") mode = SUMMON_TRY(FindGuestMode(stable));
  std::printf("guests on KVM run in %s\n\n", mode.c_str());
  return std::vector<std::string>{mode};
}

int Measure(Stable& stable, const Options& options, const std::vector<std::string>& modes) {
  const std::string build = BuildFolder();
  const auto ways = BootWays(stable, {.guest_modes = modes,
                                      .idle = std::chrono::milliseconds(options.idle_ms),
                                      .memory_mib = options.memory_mib,
                                      .native_hello = build + "/bin/native_hello",
                                      .guest_dir = build + "/guests"});
  if (!ways.ok()) return Complain(ways.error());
  Measurement measurement{.name = "boot", .columns = BootColumns(), .peer = "native", .ways = {}};
  measurement.ways = MeasureInTurn(
      *ways, {.count = options.samples, .limit = std::chrono::seconds(options.seconds_max)});
  std::printf("%s\n%s\n", Table(measurement, kByteAt).c_str(),
              StageTable(measurement, {kAssignedAt, kLoadedAt, kRunningAt, kByteAt}).c_str());
  return WriteFiles(measurement, {.folder = options.folder, .column = kByteAt});
}

int Weigh(Stable& stable, const Options& options, const std::vector<std::string>& modes) {
  const auto weights = WeighInstances(stable, {.instances = options.instances,
                                               .memory_mib = options.memory_mib,
                                               .guest_mode = modes.empty() ? "" : modes.front(),
                                               .guest_dir = BuildFolder() + "/guests"});
  if (!weights.ok()) return Complain(weights.error());
  std::printf("%s\n", WeightTable(*weights).c_str());
  return 0;
}

int Run(const Options& options) {
  const Holdings before = LookAtOurselves();
  std::printf("%s\n", MachineText().c_str());
  Stable stable{.monitor_dir = BuildFolder() + "/bin", .kvm_path = options.kvm_path, .uids = {}};
  const auto modes = Modes(stable, options);
  if (!modes.ok()) return Complain(modes.error());
  int status = Measure(stable, options, *modes);
  if (options.instances > 0) status |= Weigh(stable, options, *modes);
  return status | ReportLeftovers(before);
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{
      "Measures the time from a job to the guest's first console byte: from the pool and "
      "without it, and of guests that rest paused, parked or saved; and memory.\n"
      "Best run as root, as launcherd runs (monitors then get user ids of their own)."};
  app.add_option("--samples", options.samples, "samples of each way")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--instances", options.instances, "how many to weigh; 0: weigh none")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--idle-ms", options.idle_ms, "how long a member waits before its job")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  app.add_option("--seconds-max", options.seconds_max, "begin no further round after this time")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--guest-mode", options.guest_mode, "how guests run on KVM")
      ->check(CLI::IsMember({"auto", "ring0", "ring3", "both"}))
      ->capture_default_str();
  app.add_option("--memory-mib", options.memory_mib, "each guest's memory")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  app.add_option("--kvm", options.kvm_path, "the KVM device")->capture_default_str();
  app.add_option("--folder", options.folder, "where samples and plot go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return 1;
  return summon::benchmarks::Run(options);
}
