// SPDX-License-Identifier: Apache-2.0
// Reading smaps and meminfo; see the header.
#include "benchmarks/boot/memory.h"

#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "base/strings.h"
#include "benchmarks/common/bootable.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/prepare.h"

namespace summon::benchmarks {

namespace {

constexpr double kPoolGoalKib = 0.3 * 1024;
constexpr double kRunningGoalKib = 1024;
// The kernel frees and counts with some delay (RCU, per-processor counters).
constexpr Duration kSettle = std::chrono::milliseconds(500);

struct Area {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  double pss = 0;
  double own = 0;
};

// The areas of /proc/PID/smaps, in the order of addresses.
Result<std::vector<Area>> AreasOf(int pid) {
  std::ifstream file(StrCat("/proc/", pid, "/smaps"));
  std::vector<Area> areas;
  std::string line;
  while (std::getline(file, line)) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    unsigned long kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      areas.push_back({.begin = begin, .end = end});
    } else if (areas.empty()) {
      continue;
    } else if (std::sscanf(line.c_str(), "Pss: %lu", &kib) == 1) {
      areas.back().pss += static_cast<double>(kib);
    } else if (std::sscanf(line.c_str(), "Private_Clean: %lu", &kib) == 1 ||
               std::sscanf(line.c_str(), "Private_Dirty: %lu", &kib) == 1) {
      areas.back().own += static_cast<double>(kib);
    }
  }
  if (areas.empty()) {
    return Error(ErrorCode::kPermission, StrCat("/proc/", pid,
                                                "/smaps cannot be read (run as "
                                                "root: monitors are not dumpable)"));
  }
  return areas;
}

// Where guest memory is. A monitor on KVM reserves far more addresses than any guest has memory,
// and gives the first part to its guest: guest memory ends where what is still reserved begins. A
// process guest has its memory at its own addresses, which are low.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool Contains(const Area& area) const { return area.begin >= begin && area.end <= end; }
};

Span GuestSpan(const std::vector<Area>& areas, const GuestRam& ram) {
  if (ram.bytes == 0) return {};
  if (ram.kind == launcher::Kind::kProcess) return {0, ram.bytes};
  for (const Area& area : areas) {
    if (area.end - area.begin >= hypervisor::kGuestMemoryMax / 2) {
      return {area.begin - ram.bytes, area.begin};
    }
  }
  return {};
}

double MemInfo(std::string_view key) {
  std::ifstream file("/proc/meminfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(key) && line[key.size()] == ':') {
      return std::stod(line.substr(key.size() + 1));
    }
  }
  return 0;
}

KernelWeight Each(const KernelWeight& before, const KernelWeight& after, double count) {
  return {(after.slab - before.slab) / count, (after.stacks - before.stacks) / count,
          (after.tables - before.tables) / count, (after.used - before.used) / count};
}

// An instance that is kept while it is weighed.
using Keep = std::function<Result<Running>()>;

struct Subject {
  std::string label;
  GuestRam ram;
  double goal = 0;
  Keep keep;
};

Result<std::vector<Running>> KeepSome(const Subject& subject, unsigned count) {
  std::vector<Running> kept;
  for (unsigned i = 0; i < count; ++i) kept.push_back(SUMMON_TRY(subject.keep()));
  std::this_thread::sleep_for(kSettle);
  return kept;
}

Result<Weight> Weigh(const Subject& subject, unsigned count) {
  // As many again come first: they fill what the kernel had free in its slabs (former instances
  // leave much), and pay for what all share.
  const auto fillers = SUMMON_TRY(KeepSome(subject, count));
  const KernelWeight before = WeighKernel();
  const auto kept = SUMMON_TRY(KeepSome(subject, count));
  Weight weight{subject.label, {}, Each(before, WeighKernel(), count), subject.goal};
  for (const Running& running : kept) {
    const auto one = SUMMON_TRY(WeighProcess(running.monitor->pid(), subject.ram));
    weight.process.pss += one.pss / count;
    weight.process.own += one.own / count;
    weight.process.guest += one.guest / count;
  }
  return weight;
}

Result<Running> Waiting(Stable& stable, const MonitorSpec& spec) {
  Running waiting{Cable{}, UniqueFd(), SUMMON_TRY(Monitor::Start(stable, spec))};
  SUMMON_TRY(waiting.monitor->AwaitWaiting());
  return waiting;
}

Subject Member(Stable& stable, const MonitorSpec& spec) {
  const bool kvm = spec.kind == launcher::Kind::kKvm;
  return {kvm ? "kvm, in the pool" : "process, in the pool", GuestRam{spec.kind, 0}, kPoolGoalKib,
          [&stable, spec] { return Waiting(stable, spec); }};
}

Result<Subject> Guest(Stable& stable, const WeighOptions& options, BootableSpec spec) {
  const bool kvm = spec.kind == launcher::Kind::kKvm;
  const std::string name = spec.image;
  spec.image = StrCat(options.guest_dir, "/", name, kvm ? ".hvt" : ".spt");
  spec.memory_mib = options.memory_mib;
  spec.net = "service";
  const auto bootable = std::make_shared<Bootable>(SUMMON_TRY(Prepare(stable, spec)));
  return Subject{StrCat(kvm ? "kvm, " : "process, ", name),
                 GuestRam{spec.kind, std::uint64_t{spec.memory_mib} << 20}, kRunningGoalKib,
                 [&stable, bootable, mode = options.guest_mode] {
                   return Boot(stable, *bootable, mode, Snapshots::kNone);
                 }};
}

}  // namespace

Result<ProcessWeight> WeighProcess(int pid, const GuestRam& ram) {
  const std::vector<Area> areas = SUMMON_TRY(AreasOf(pid));
  const Span guest = GuestSpan(areas, ram);
  ProcessWeight weight;
  for (const Area& area : areas) {
    if (guest.Contains(area)) {
      weight.guest += area.own;
    } else {
      weight.pss += area.pss;
      weight.own += area.own;
    }
  }
  if (ram.bytes > 0 && weight.guest <= 0) {
    return Error(ErrorCode::kInvalid, StrCat("no guest memory is found in /proc/", pid,
                                             "/smaps: where monitors have it has changed"));
  }
  return weight;
}

KernelWeight WeighKernel() {
  return {
      .slab = MemInfo("Slab"),
      .stacks = MemInfo("KernelStack"),
      .tables = MemInfo("PageTables") + MemInfo("SecPageTables"),
      .used = MemInfo("MemTotal") - MemInfo("MemFree") - MemInfo("Cached") - MemInfo("Buffers")};
}

Result<std::vector<Weight>> WeighInstances(Stable& stable, const WeighOptions& options) {
  std::vector<Subject> subjects;
  const BootableSpec web{.image = "web",
                         .command_line = "--ipv4=192.0.2.2/24 --ipv4-gateway=192.0.2.1 --name=web"};
  if (!options.guest_mode.empty()) {
    subjects.push_back(Member(stable, {.guest_mode = options.guest_mode}));
    subjects.push_back(SUMMON_TRY(Guest(stable, options, {.image = "bell"})));
    subjects.push_back(SUMMON_TRY(Guest(stable, options, web)));
  }
  subjects.push_back(Member(stable, {.kind = launcher::Kind::kProcess}));
  BootableSpec process_web = web;
  process_web.kind = launcher::Kind::kProcess;
  subjects.push_back(SUMMON_TRY(Guest(stable, options, process_web)));
  std::vector<Weight> weights;
  for (const Subject& subject : subjects) {
    weights.push_back(SUMMON_TRY(Weigh(subject, options.instances).Wrap(subject.label)));
  }
  return weights;
}

std::string WeightTable(const std::vector<Weight>& weights) {
  std::string table =
      "KiB for one instance         pss  private     slab   stacks   tables  overhead     goal"
      "   | guest touched  machine's use\n";
  for (const Weight& weight : weights) {
    char line[256];
    std::snprintf(
        line, sizeof line, "%-22s %9.0f %8.0f %8.0f %8.0f %8.0f %9.0f %8.0f %s | %13.0f %14.0f\n",
        weight.label.c_str(), weight.process.pss, weight.process.own, weight.kernel.slab,
        weight.kernel.stacks, weight.kernel.tables, weight.overhead(), weight.goal,
        weight.overhead() <= weight.goal ? "+" : "-", weight.process.guest, weight.kernel.used);
    table += line;
  }
  return table +
         "overhead: private + slab + stacks + tables, without guest memory; + means that the goal "
         "is met\nmachine's use: everything that is used now and was not before, of other "
         "programs too\n";
}

}  // namespace summon::benchmarks
