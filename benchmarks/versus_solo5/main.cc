// SPDX-License-Identifier: Apache-2.0
// Versus Solo5: the same image under Solo5's own tenders, under `summon run`, and in a monitor from
// the pool: until its first console byte, and until its end can be seen.
//
// All ways take turns in one run; what is compared is the ratio to the tender of the same kind.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "base/strings.h"
#include "benchmarks/common/bootable.h"
#include "benchmarks/common/machine.h"
#include "benchmarks/common/program.h"
#include "benchmarks/common/report.h"
#include "tests/testbed/process.h"

namespace summon::benchmarks {
namespace {

using launcher::Kind;

struct Options {
  unsigned samples = 200;
  unsigned seconds_max = 90;
  unsigned idle_ms = 5;
  std::string hvt_tender;
  std::string spt_tender;
  std::string hvt_image;
  std::string spt_image;
  std::uint32_t memory_mib = 16;
  std::string kvm_path = "/dev/kvm";
  std::string folder = "build/bench";
};

enum VersusColumn : std::size_t { kFirstByte, kExit };

// What is the same for the two kinds of guests.
struct Side {
  Kind kind = Kind::kKvm;
  std::string name;  // hvt, spt
  std::string tender;
  std::string image;
};

int Complain(const Error& error) {
  std::fprintf(stderr, "versus_solo5: %s\n", error.message().c_str());
  return 1;
}

Result<Sample> MeasureProgram(const std::vector<std::string>& command) {
  const ProgramTimes times = SUMMON_TRY(TimeProgram(command));
  return Sample{Micros(times.first_byte), Micros(times.exit)};
}

Result<Sample> MeasurePooled(Stable& stable, const Bootable& bootable, const MonitorSpec& spec,
                             Duration idle) {
  const auto monitor = SUMMON_TRY(Monitor::Start(stable, spec));
  SUMMON_TRY(monitor->AwaitWaiting());
  std::this_thread::sleep_for(idle);
  const Instant started = SystemClock().Now();
  SUMMON_TRY(monitor->Give(*bootable.frame, {{bootable.file.get()}}));
  const Instant byte = SUMMON_TRY(monitor->AwaitConsole());
  const Instant end = SUMMON_TRY(monitor->AwaitEnd());
  return Sample{Micros(byte - started), Micros(end - started)};
}

Status AddSide(Stable& stable, const Options& options, const Side& side, std::vector<Way>& ways) {
  const std::string memory = StrCat("--mem=", options.memory_mib);
  const std::string summon = BuildFolder() + "/bin/summon";
  if (!side.tender.empty()) {
    ways.push_back({StrCat("solo5-", side.name), [side, memory] {
                      return MeasureProgram({side.tender, memory, side.image});
                    }});
  }
  ways.push_back({StrCat("run ", side.name), [side, memory, summon] {
                    return MeasureProgram({summon, "run", memory, side.image});
                  }});
  // Shared, because std::function copies what it captures.
  const auto bootable =
      std::make_shared<Bootable>(SUMMON_TRY(Prepare(stable, {.image = side.image,
                                                             .kind = side.kind,
                                                             .command_line = {},
                                                             .memory_mib = options.memory_mib,
                                                             .net = {}})));
  MonitorSpec spec{.kind = side.kind, .guest_mode = {}};
  if (side.kind == Kind::kKvm) spec.guest_mode = SUMMON_TRY(FindGuestMode(stable));
  ways.push_back({StrCat("pool ", side.name),
                  [&stable, bootable, spec, idle = std::chrono::milliseconds(options.idle_ms)] {
                    return MeasurePooled(stable, *bootable, spec, idle);
                  }});
  return Ok();
}

std::vector<Side> Sides(const Options& options) {
  std::vector<Side> sides;
  if (access(options.kvm_path.c_str(), R_OK | W_OK) == 0) {
    sides.push_back({Kind::kKvm, "hvt", options.hvt_tender, options.hvt_image});
  } else {
    std::printf("%s cannot be used: hvt is left out\n", options.kvm_path.c_str());
  }
  sides.push_back({Kind::kProcess, "spt", options.spt_tender, options.spt_image});
  for (Side& side : sides) {
    if (side.tender.empty()) {
      const char* const variable = side.name == "hvt" ? "SOLO5_HVT" : "SOLO5_SPT";
      std::printf("no solo5-%s: %s names it (or --solo5-%s); Summon is measured alone\n",
                  side.name.c_str(), variable, side.name.c_str());
    }
    if (side.image.empty()) side.image = StrCat(BuildFolder(), "/guests/hello.", side.name);
  }
  return sides;
}

// The table and files of one side: each has a peer of its own.
int Report(const Options& options, const Side& side, const std::vector<Series>& all) {
  Measurement measurement{.name = StrCat("versus_solo5_", side.name),
                          .columns = {{"first_byte", "us", "start to first console byte"},
                                      {"exit", "us", "start to end"}},
                          .peer = side.tender.empty() ? "native" : StrCat("solo5-", side.name),
                          .ways = {}};
  for (const Series& series : all) {
    if (series.label == "native" || series.label.ends_with(side.name)) {
      measurement.ways.push_back(series);
    }
  }
  std::printf("\n%s\n%s\n%s\n", side.image.c_str(), Table(measurement, kFirstByte).c_str(),
              Table(measurement, kExit).c_str());
  return WriteFiles(measurement, {.folder = options.folder, .column = kFirstByte});
}

void ShowVersions(const std::vector<Side>& sides) {
  for (const Side& side : sides) {
    if (side.tender.empty()) continue;
    const auto said = testbed::FinishIn(-1, {side.tender, "--version"});
    const std::string text = said.ok() ? said->output : said.error().message();
    std::printf("solo5-%s: %s\n", side.name.c_str(), text.substr(0, text.find('\n')).c_str());
  }
}

Result<std::vector<Series>> Measure(Stable& stable, const Options& options,
                                    const std::vector<Side>& sides) {
  std::vector<Way> ways = {{"native", [native = BuildFolder() + "/bin/native_hello"] {
                              return MeasureProgram({native});
                            }}};
  for (const Side& side : sides) SUMMON_TRY(AddSide(stable, options, side, ways));
  return MeasureInTurn(
      ways, {.count = options.samples, .limit = std::chrono::seconds(options.seconds_max)});
}

int Run(const Options& options) {
  const Holdings before = LookAtOurselves();
  std::printf("%s\n", MachineText().c_str());
  const std::vector<Side> sides = Sides(options);
  ShowVersions(sides);
  Stable stable{.monitor_dir = BuildFolder() + "/bin", .kvm_path = options.kvm_path, .uids = {}};
  const auto all = Measure(stable, options, sides);
  if (!all.ok()) return Complain(all.error());
  int status = 0;
  for (const Side& side : sides) status |= Report(options, side, *all);
  return status | ReportLeftovers(before);
}

}  // namespace
}  // namespace summon::benchmarks

int main(int argc, char** argv) {
  summon::benchmarks::Options options;
  CLI::App app{
      "Measures an image under Solo5's own tenders, under summon run, and in a monitor "
      "from the pool: until its first console byte, and until its end.\n"
      "Images need no devices and no arguments. Best run as root."};
  app.add_option("--solo5-hvt", options.hvt_tender, "Solo5's hvt tender")
      ->envname("SOLO5_HVT")
      ->check(CLI::ExistingFile);
  app.add_option("--solo5-spt", options.spt_tender, "Solo5's spt tender")
      ->envname("SOLO5_SPT")
      ->check(CLI::ExistingFile);
  app.add_option("--hvt-image", options.hvt_image, "default: our own hello")
      ->check(CLI::ExistingFile);
  app.add_option("--spt-image", options.spt_image, "default: our own hello")
      ->check(CLI::ExistingFile);
  app.add_option("--samples", options.samples, "samples of each way")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--seconds-max", options.seconds_max, "begin no further round after this time")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--idle-ms", options.idle_ms, "how long a member waits before its job")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  app.add_option("--memory-mib", options.memory_mib, "each guest's memory")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  app.add_option("--kvm", options.kvm_path, "the KVM device")->capture_default_str();
  app.add_option("--folder", options.folder, "where samples and plots go")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return 1;
  return summon::benchmarks::Run(options);
}
