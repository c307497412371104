// SPDX-License-Identifier: Apache-2.0
// Each way: get everything ready, look at the clock, send, wait for the byte.
#include "benchmarks/boot/ways.h"

#include <thread>

#include "base/strings.h"
#include "benchmarks/common/program.h"

namespace summon::benchmarks {

using hypervisor::JobFrame;
using hypervisor::OrderKind;
using hypervisor::ReportKind;
using hypervisor::Stage;
using launcher::Kind;

namespace {

struct Setting {
  Stable& stable;
  const BootOptions options;
};

Result<std::unique_ptr<Monitor>> Waiting(const Setting& setting, const MonitorSpec& spec) {
  auto monitor = SUMMON_TRY(Monitor::Start(setting.stable, spec));
  SUMMON_TRY(monitor->AwaitWaiting());
  std::this_thread::sleep_for(setting.options.idle);
  return monitor;
}

// Stages that were reached after `started`, and the byte.
Sample SampleOf(const Monitor& monitor, Instant started, Instant byte) {
  const auto since = [&](Stage stage) {
    const auto at = monitor.Reached(stage);
    return at && *at >= started ? Micros(*at - started) : kNothing;
  };
  return {since(Stage::kAssigned), since(Stage::kLoaded), since(Stage::kRunning),
          Micros(byte - started)};
}

// ---- from nothing -----------------------------------------------------------------------------

Result<Sample> Native(const Setting& setting) {
  const ProgramTimes times = SUMMON_TRY(TimeProgram({setting.options.native_hello}));
  return Sample{kNothing, kNothing, kNothing, Micros(times.first_byte)};
}

Result<Sample> BootPooled(const Setting& setting, const Bootable& bootable,
                          const MonitorSpec& spec) {
  const auto monitor = SUMMON_TRY(Waiting(setting, spec));
  const SystemClock clock;
  const Instant started = clock.Now();
  SUMMON_TRY(monitor->Give(*bootable.frame, {{bootable.file.get()}}));
  const Instant byte = SUMMON_TRY(monitor->AwaitConsole());
  (void)SUMMON_TRY(monitor->AwaitEnd());
  return SampleOf(*monitor, started, byte);
}

Result<Sample> BootFresh(const Setting& setting, const Bootable& bootable,
                         const MonitorSpec& spec) {
  const SystemClock clock;
  const Instant started = clock.Now();
  const auto monitor = SUMMON_TRY(Monitor::Start(setting.stable, spec));
  SUMMON_TRY(monitor->Give(*bootable.frame, {{bootable.file.get()}}));
  const Instant byte = SUMMON_TRY(monitor->AwaitConsole());
  (void)SUMMON_TRY(monitor->AwaitEnd());
  return SampleOf(*monitor, started, byte);
}

// ---- from rest: a guest that waits in POLL, with a frame for it -------------------------------

// What the three kinds of rest share for one guest mode.
struct Rest {
  const Bootable& bell;
  const MonitorSpec spec;
  UniqueFd snapshot;
  std::optional<Running> paused;  // boots at the first sample, then stops and goes on
};

Result<Sample> GoOnParked(const Setting& setting, const Rest& rest) {
  const auto monitor = SUMMON_TRY(Monitor::Start(setting.stable, rest.spec));
  SUMMON_TRY(monitor->AwaitWaiting());
  const Cable cable = SUMMON_TRY(Cable::Make());
  JobFrame frame = *rest.bell.frame;
  frame.flags |= hypervisor::kJobRestore | hypervisor::kJobHold;
  SUMMON_TRY(
      monitor->Give(frame, {{rest.bell.file.get(), rest.snapshot.get(), cable.guest.get()}}));
  (void)SUMMON_TRY(monitor->Await(ReportKind::kHeld));
  std::this_thread::sleep_for(setting.options.idle);
  SUMMON_TRY(cable.SendFrame());
  const SystemClock clock;
  const Instant started = clock.Now();
  SUMMON_TRY(monitor->Order(OrderKind::kGo));
  const Instant byte = SUMMON_TRY(monitor->AwaitConsole());
  monitor->Listen();
  return SampleOf(*monitor, started, byte);
}

Result<Sample> GoOnPaused(const Setting& setting, Rest& rest) {
  if (!rest.paused) {
    rest.paused =
        SUMMON_TRY(Boot(setting.stable, rest.bell, rest.spec.guest_mode, Snapshots::kNone));
  }
  const Running& running = *rest.paused;
  SUMMON_TRY(running.monitor->Pause());
  std::this_thread::sleep_for(setting.options.idle);
  SUMMON_TRY(running.cable.SendFrame());
  const SystemClock clock;
  const Instant started = clock.Now();
  SUMMON_TRY(running.monitor->Order(OrderKind::kGo));
  running.monitor->Continue();
  const Instant byte = SUMMON_TRY(running.monitor->AwaitConsole());
  running.monitor->Listen();
  // It was running all the time, as far as it knows.
  return Sample{kNothing, kNothing, kNothing, Micros(byte - started)};
}

Result<Sample> GoOnSaved(const Setting& setting, const Rest& rest) {
  const auto monitor = SUMMON_TRY(Waiting(setting, rest.spec));
  const Cable cable = SUMMON_TRY(Cable::Make());
  SUMMON_TRY(cable.SendFrame());
  JobFrame frame = *rest.bell.frame;
  frame.flags |= hypervisor::kJobRestore;
  const SystemClock clock;
  const Instant started = clock.Now();
  SUMMON_TRY(
      monitor->Give(frame, {{rest.bell.file.get(), rest.snapshot.get(), cable.guest.get()}}));
  const Instant byte = SUMMON_TRY(monitor->AwaitConsole());
  monitor->Listen();
  return SampleOf(*monitor, started, byte);
}

// ---- all of them ------------------------------------------------------------------------------

// What can be booted is held by the closures together: std::function copies what it captures.
using SharedBootable = std::shared_ptr<const Bootable>;

Result<SharedBootable> PrepareShared(const Setting& setting, BootableSpec spec) {
  spec.image = StrCat(setting.options.guest_dir, "/", spec.image);
  spec.memory_mib = setting.options.memory_mib;
  return SharedBootable(std::make_shared<Bootable>(SUMMON_TRY(Prepare(setting.stable, spec))));
}

Status AddKvmWays(const Setting& setting, const std::string& mode, std::vector<Way>& ways) {
  const SharedBootable hello = SUMMON_TRY(PrepareShared(setting, {.image = "hello.hvt"}));
  const SharedBootable bell =
      SUMMON_TRY(PrepareShared(setting, {.image = "bell.hvt", .net = "service"}));
  const MonitorSpec spec{.guest_mode = mode};
  // Shared by three closures of one thread, which keep the bootable alive too.
  const auto rest = std::make_shared<Rest>(
      Rest{*bell, spec, SUMMON_TRY(TakeSnapshot(setting.stable, *bell, mode)), std::nullopt});
  const std::string suffix =
      setting.options.guest_modes.size() > 1 ? StrCat(", ", mode) : std::string();
  ways.push_back({StrCat("kvm pool", suffix),
                  [setting, hello, spec] { return BootPooled(setting, *hello, spec); }});
  ways.push_back({StrCat("kvm no pool", suffix),
                  [setting, hello, spec] { return BootFresh(setting, *hello, spec); }});
  ways.push_back(
      {StrCat("kvm paused", suffix), [setting, bell, rest] { return GoOnPaused(setting, *rest); }});
  ways.push_back(
      {StrCat("kvm parked", suffix), [setting, bell, rest] { return GoOnParked(setting, *rest); }});
  ways.push_back(
      {StrCat("kvm saved", suffix), [setting, bell, rest] { return GoOnSaved(setting, *rest); }});
  return Ok();
}

}  // namespace

std::vector<Column> BootColumns() {
  return {{"assigned", "us", "job sent to a monitor has it"},
          {"loaded", "us", "job sent to guest in memory"},
          {"running", "us", "job sent to guest's first instruction"},
          {"byte", "us", "job or order sent to first console byte"}};
}

Result<std::vector<Way>> BootWays(Stable& stable, const BootOptions& options) {
  const Setting setting{stable, options};
  std::vector<Way> ways = {{"native", [setting] { return Native(setting); }}};
  for (const std::string& mode : options.guest_modes) {
    SUMMON_TRY(AddKvmWays(setting, mode, ways));
  }
  const SharedBootable hello =
      SUMMON_TRY(PrepareShared(setting, {.image = "hello.spt", .kind = Kind::kProcess}));
  const MonitorSpec spec{.kind = Kind::kProcess};
  ways.push_back(
      {"process pool", [setting, hello, spec] { return BootPooled(setting, *hello, spec); }});
  ways.push_back(
      {"process no pool", [setting, hello, spec] { return BootFresh(setting, *hello, spec); }});
  return ways;
}

}  // namespace summon::benchmarks
