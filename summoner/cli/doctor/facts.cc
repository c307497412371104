// SPDX-License-Identifier: Apache-2.0
// Reading facts. Each is a file or one call; what cannot be read stays at its default, which the
// judges take for "not there".
#include "summoner/cli/doctor/facts.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "launcher/monitor/pool.h"
#include "summoner/cli/doctor/probe.h"

namespace summon::cli {

namespace {

constexpr unsigned kMiscMajor = 10;  // of both devices (Documentation/admin-guide/devices.txt)
constexpr unsigned kKvmMinor = 232;
constexpr unsigned kTunMinor = 200;

// Files of /proc and /sys are short; more than this is none of them.
constexpr std::size_t kFileBytesMax = 1 << 20;

class Reader final {
 public:
  explicit Reader(const std::string& root) : root_(root) {}

  std::string path(const std::string& path) const { return root_ + path; }
  bool Has(const std::string& file) const { return access(path(file).c_str(), F_OK) == 0; }
  std::string Text(const std::string& file) const {
    std::ifstream stream(path(file));
    std::string text(kFileBytesMax, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return text;
  }
  // The first line, or nothing.
  std::string Line(const std::string& file) const {
    const std::string text = Text(file);
    return text.substr(0, text.find('\n'));
  }
  std::uint64_t Number(const std::string& file) const {
    return ParseUnsigned(Line(file)).value_or(0);
  }

 private:
  const std::string root_;
};

DeviceFacts OpenDevice(const std::string& path, unsigned minor_number) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return {DeviceFacts::State::kFailed, errno};
  }
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(kMiscMajor, minor_number)) {
    return {DeviceFacts::State::kWrongNode, 0};
  }
  const UniqueFd device(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!device.valid()) return {DeviceFacts::State::kFailed, errno};
  return {DeviceFacts::State::kUsable, 0};
}

KernelFacts ReadKernel(const Reader& reader) {
  KernelFacts kernel;
  utsname name{};
  if (uname(&name) == 0) kernel.release = name.release;
  kernel.seccomp_filters = reader.Has("/proc/sys/kernel/seccomp/actions_avail");
  const long abi =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  kernel.landlock_abi = abi > 0 ? static_cast<int>(abi) : 0;
  kernel.network_namespaces = reader.Has("/proc/self/ns/net");
  kernel.nx_huge_pages = reader.Line("/sys/module/kvm/parameters/nx_huge_pages");
  kernel.favor_dynmods = reader.Text("/proc/self/mounts").find("favordynmods") != std::string::npos;
  return kernel;
}

std::set<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> words;
  std::string word;
  while (stream >> word) words.insert(word);
  return words;
}

CgroupFacts ReadCgroups(const Reader& reader) {
  const std::string unified = "/sys/fs/cgroup/cgroup.controllers";
  if (reader.Has(unified)) {
    return {CgroupFacts::Version::kTwo, Words(reader.Line(unified))};
  }
  const bool any = reader.Has("/sys/fs/cgroup/memory") || reader.Has("/sys/fs/cgroup/unified");
  return {any ? CgroupFacts::Version::kOne : CgroupFacts::Version::kNone, {}};
}

// A line like "MemAvailable:   12345 kB" of /proc/meminfo, in MiB.
std::uint64_t MeminfoMib(const std::string& meminfo, const std::string& name) {
  std::istringstream stream(meminfo);
  std::string line;
  while (std::getline(stream, line)) {
    if (!line.starts_with(name + ":")) continue;
    std::istringstream rest(line.substr(name.size() + 1));
    std::uint64_t kib = 0;
    rest >> kib;
    return kib / 1024;
  }
  return 0;
}

MemoryFacts ReadMemory(const Reader& reader) {
  MemoryFacts memory;
  const std::string meminfo = reader.Text("/proc/meminfo");
  memory.available_mib = MeminfoMib(meminfo, "MemAvailable");
  memory.swap_mib = MeminfoMib(meminfo, "SwapTotal");
  // "always [madvise] never": the word in brackets holds.
  const std::string modes = reader.Line("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::size_t begin = modes.find('[');
  const std::size_t end = modes.find(']');
  if (begin != std::string::npos && end != std::string::npos && begin < end) {
    memory.huge_pages = modes.substr(begin + 1, end - begin - 1);
  }
  memory.same_page_merging = reader.Line("/sys/kernel/mm/ksm/run") == "1";
  return memory;
}

std::uint64_t HardLimit(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return 0;
  return limit.rlim_max == RLIM_INFINITY ? std::numeric_limits<std::uint64_t>::max()
                                         : limit.rlim_max;
}

bool IsMonitorsUid(std::uint64_t uid) {
  using launcher::UidRange;
  return uid >= UidRange::kFirst && uid < UidRange::kFirst + UidRange::kCount;
}

// Accounts (name:password:uid:...) and subordinate ranges (name:first:count) that overlap.
std::vector<std::string> ReadUidOwners(const Reader& reader) {
  std::vector<std::string> owners;
  for (const std::string_view line : Split(reader.Text("/etc/passwd"), '\n')) {
    const auto fields = Split(line, ':');
    const auto uid = fields.size() > 2 ? ParseUnsigned(fields[2]) : std::nullopt;
    if (uid && IsMonitorsUid(*uid)) owners.push_back(StrCat("account ", Quote(fields[0])));
  }
  using launcher::UidRange;
  for (const std::string_view line : Split(reader.Text("/etc/subuid"), '\n')) {
    const auto fields = Split(line, ':');
    if (fields.size() < 3) continue;
    const auto first = ParseUnsigned(fields[1]);
    const auto count = ParseUnsigned(fields[2]);
    if (!first || !count || *count == 0 || *first >= UidRange::kFirst + UidRange::kCount) continue;
    // No overflow: a first id below ours leaves room for any count of 32 bits.
    if (*first + std::min<unsigned long long>(*count, 1ull << 32) > UidRange::kFirst) {
      owners.push_back(StrCat("/etc/subuid of ", Quote(fields[0])));
    }
  }
  return owners;
}

}  // namespace

ProbeFacts ParseProbeLine(const std::string& line) {
  ProbeFacts probe;
  for (const std::string_view word : Split(line, ' ')) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = word.substr(0, equals);
    const std::string value(word.substr(equals + 1));
    if (key == "guest_mode") probe.guest_mode = value;
    if (key == "cycles_per_instruction") {
      probe.cycles_per_instruction = std::strtod(value.c_str(), nullptr);
    }
    if (key == "tsc_hz") probe.tsc_hz = ParseUnsigned(value).value_or(0);
  }
  if ((probe.guest_mode != "ring0" && probe.guest_mode != "ring3") || probe.tsc_hz == 0) {
    probe.error = StrCat("it said ", Quote(line));
  }
  return probe;
}

HostFacts ReadFacts(const FactSources& sources) {
  const Reader reader(sources.root);
  HostFacts facts;
  facts.kvm = OpenDevice(reader.path("/dev/kvm"), kKvmMinor);
  facts.tun = OpenDevice(reader.path("/dev/net/tun"), kTunMinor);
  const std::string monitor = sources.program_dir + "/summon-monitor";
  for (const char* name : {"summon-monitor", "summon-spt"}) {
    if (access(StrCat(sources.program_dir, '/', name).c_str(), X_OK) != 0) {
      facts.missing_programs.emplace_back(name);
    }
  }
  if (facts.kvm.state == DeviceFacts::State::kUsable) {
    facts.probe = RunProbe({.program = monitor, .kvm = reader.path("/dev/kvm")});
  }
  facts.kernel = ReadKernel(reader);
  facts.cgroup = ReadCgroups(reader);
  facts.memory = ReadMemory(reader);
  facts.cpu.clock_source =
      reader.Line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  facts.cpu.smt = reader.Line("/sys/devices/system/cpu/smt/active") == "1";
  facts.limits = {HardLimit(RLIMIT_NOFILE), HardLimit(RLIMIT_NPROC),
                  reader.Number("/proc/sys/kernel/pid_max")};
  facts.uid_owners = ReadUidOwners(reader);
  facts.root = geteuid() == 0;
  return facts;
}

}  // namespace summon::cli
