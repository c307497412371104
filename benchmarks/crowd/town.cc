// SPDX-License-Identifier: Apache-2.0
// Configuration and census of many services.
#include "benchmarks/crowd/town.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "launcher/monitor/uid_range.h"

namespace summon::benchmarks {

namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(200);
constexpr Duration kPrepareEach = std::chrono::milliseconds(40);  // far more than it takes
constexpr Duration kPrepareLeast = std::chrono::seconds(20);
constexpr Duration kClosePatience = std::chrono::minutes(2);
constexpr Duration kMonitorsPatience = std::chrono::seconds(20);
constexpr Duration kSoon = std::chrono::milliseconds(2);
constexpr Duration kPagePatience = std::chrono::seconds(5);
constexpr Duration kReadyPatience = std::chrono::seconds(2);
// What launcherd holds for a running instance: 8, measured on 2026-11-28 as the difference between
// `density --instances 450` and 50. More is asked for than is needed.
constexpr unsigned long kDescriptorsEach = 9;
constexpr unsigned long kDescriptorsBesides = 1000;
constexpr unsigned long kKibEach = 2048;     // with what a small guest touches, and its tap
constexpr unsigned long kUidsBesides = 100;  // for the pool, and for those that are just ending

std::uint64_t NumberIn(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : ~0ull;
}

std::uint64_t AvailableKib() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (file >> word) {
    if (word == "MemAvailable:" && file >> kib) return kib;
  }
  return 0;
}

Error Lacks(const TownOptions& options, const std::string& what, const std::string& mend) {
  return Error(ErrorCode::kExhausted,
               StrCat(options.services, " services need ", what, " (", mend, ")"));
}

// By its program, because a number may be another process's by now.
bool IsMonitor(pid_t pid) {
  std::error_code gone;
  const auto program = std::filesystem::read_symlink(StrCat("/proc/", pid, "/exe"), gone).string();
  return program == testbed::ProgramPath("summon-monitor") ||
         program == testbed::ProgramPath("summon-spt");
}

Status RaiseDescriptors(const TownOptions& options) {
  const rlim_t needed = options.services * kDescriptorsEach + kDescriptorsBesides;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoError("read limits", errno);
  if (limit.rlim_cur >= needed) return Ok();
  limit.rlim_cur = needed;
  limit.rlim_max = std::max(limit.rlim_max, needed);  // root may
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return Ok();
  return Lacks(options, StrCat(needed, " descriptors in a process"),
               "raise it: ulimit -n, and sysctl fs.nr_open; or ask for fewer services");
}

std::string ServiceText(const TownOptions& options, unsigned number) {
  const std::string name = ServiceName(number);
  const bool kvm = options.launcher == "KVM";
  return StrCat("service{name:\"", name, "\" dns_name:\"", name, ".summon.test\" address:\"10.78.",
                1 + number / 250, ".", 2 + number % 250, "\" ", kvm ? "image" : "process_image",
                ":", Quote(testbed::GuestPath(kvm ? "web.hvt" : "web.spt")),
                " command_line:\"--ipv4={ipv4}/{prefix_length} --ipv4-gateway={gateway}\""
                " launcher:",
                options.launcher, " memory_mib:", options.memory_mib, " policy{", options.policy,
                "}}\n");
}

}  // namespace

std::string ServiceName(unsigned number) { return StrCat("s", number); }

Status CheckRoomFor(const TownOptions& options) {
  SUMMON_TRY(RaiseDescriptors(options));
  const unsigned long uids = launcher::UidRange::kCount;
  if (options.services + kUidsBesides > uids) {
    return Lacks(options, "more user ids than launcherd has for monitors",
                 StrCat("at most ", uids - kUidsBesides));
  }
  for (const char* path : {"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max",
                           "/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"}) {
    if (NumberIn(path) < options.services * 2ul) {
      return Lacks(options, StrCat(options.services * 2ul, " processes"),
                   StrCat("raise ", path, ", which is ", NumberIn(path)));
    }
  }
  if (AvailableKib() < options.services * kKibEach) {
    return Lacks(options, StrCat(options.services * kKibEach / 1024, " MiB"),
                 StrCat("this machine has ", AvailableKib() / 1024, " MiB available"));
  }
  return Ok();
}

Result<std::unique_ptr<testbed::House>> BuildTown(const TownOptions& options) {
  testbed::HouseOptions house_options{.services = {},
                                      .settings =
                                          "limits { memory_budget_mib: 16777216 } "
                                          "network { gateway: \"10.78.0.1\" prefix_length: 16 }",
                                      .launcherd_arguments = {}};
  if (options.pool > 0) {
    house_options.launcherd_arguments = {"--pool", StrCat(options.pool)};
  }
  for (unsigned i = 0; i < options.services; ++i) {
    house_options.services += ServiceText(options, i);
  }
  auto house = SUMMON_TRY(testbed::House::Start(house_options));
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPrepareLeast + kPrepareEach * options.services;
  Census census;
  while (clock.Now() < deadline) {
    census = SUMMON_TRY(Count(*house));
    if (census.prepared == options.services) return house;
    std::this_thread::sleep_for(kLookAgain);
  }
  return Error(ErrorCode::kTimeout, StrCat(census.prepared, " of ", options.services,
                                           " services are prepared: ", census.problem));
}

Status CloseTown(std::unique_ptr<testbed::House> house) {
  const std::vector<pid_t> monitors = house->Monitors();
  house->summond().Signal(SIGTERM);
  house->launcherd().Signal(SIGTERM);
  for (testbed::Daemon* daemon : {&house->summond(), &house->launcherd()}) {
    if (!daemon->AwaitEnd(kClosePatience)) {
      return Error(ErrorCode::kTimeout, "a daemon does not end");
    }
  }
  const SystemClock clock;
  const Instant deadline = clock.Now() + kMonitorsPatience;
  for (const pid_t pid : monitors) {
    while (IsMonitor(pid)) {
      if (clock.Now() > deadline) {
        return Error(ErrorCode::kTimeout, StrCat("monitor ", pid, " outlives its launcherd"));
      }
      std::this_thread::sleep_for(kSoon);
    }
  }
  return Ok();
}

Status AwaitPage(int namespace_fd, const testbed::HttpTarget& target) {
  const testbed::InNamespace there(namespace_fd);
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPagePatience;
  while (true) {
    const auto page = testbed::FetchHttp(target, kPagePatience);
    if (page.ok()) return Ok();
    if (clock.Now() > deadline) return page.error().Wrap("wait for the native web server");
    std::this_thread::sleep_for(kSoon);
  }
}

Result<Census> Count(testbed::House& house) {
  Census census;
  control::Request request;
  request.mutable_list();
  do {
    const auto page = SUMMON_TRY(house.Ask(request));
    for (const control::Service& service : page.services()) {
      census.prepared += service.prepared() ? 1 : 0;
      census.asleep += service.state() == "asleep" ? 1 : 0;
      census.ready += service.state() == "ready" ? 1 : 0;
      census.failed += service.state() == "failed" ? 1 : 0;
      census.summons += service.generation();
      if (!service.problem().empty()) census.problem = service.problem();
    }
    request.mutable_list()->set_offset(page.next_offset());
  } while (request.list().offset() != 0);
  return census;
}

Result<Census> AwaitReady(testbed::House& house, std::size_t count) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + kReadyPatience;
  Census census = SUMMON_TRY(Count(house));
  while (census.ready < count && clock.Now() < deadline) {
    std::this_thread::sleep_for(kLookAgain);
    census = SUMMON_TRY(Count(house));
  }
  return census;
}

Status AwaitSleep(testbed::House& house, Duration patience) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + patience;
  while (true) {
    const Census census = SUMMON_TRY(Count(house));
    if (census.asleep == census.prepared) return Ok();
    if (clock.Now() > deadline) {
      return Error(ErrorCode::kTimeout,
                   StrCat("of ", census.prepared, " services ", census.asleep, " are asleep, ",
                          census.ready, " ready, ", census.failed, " failed"));
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace summon::benchmarks
