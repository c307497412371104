// SPDX-License-Identifier: Apache-2.0
// Filling the pool and judging what its members die of.
#include "launcher/monitor/pool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "launcher/monitor/end_report.h"

namespace summon::launcher {

namespace {

constexpr std::array<Kind, kKinds> kBothKinds = {Kind::kKvm, Kind::kProcess};

// include/linux/miscdevice.h: MISC_MAJOR, KVM_MINOR.
constexpr unsigned kKvmMajor = 10;
constexpr unsigned kKvmMinor = 232;

Error KvmOpenError(const std::string& path, int open_errno) {
  const Error error = ErrnoError(StrCat("open ", path), open_errno);
  std::string_view hint = "another program may own the processor's virtualization";
  if (open_errno == ENOENT || open_errno == ENODEV || open_errno == ENXIO) {
    hint = "no KVM on this machine: enable virtualization in the firmware (or nested "
           "virtualization for a guest), then modprobe kvm_intel or kvm_amd";
  } else if (open_errno == EACCES || open_errno == EPERM) {
    hint = "no permission: run as root, or add the user to the group kvm (usermod -aG kvm USER)";
  } else if (open_errno == EMFILE || open_errno == ENFILE) {
    hint = "too many open files: raise the limit (ulimit -n, LimitNOFILE=)";
  }
  return Error(error.code(), StrCat(error.message(), " (", hint, ")"));
}

}  // namespace

MonitorPool::MonitorPool(Loop& loop, Logger& log, PoolOptions options,
                         OnAvailability on_availability)
    : loop_(loop),
      log_(log),
      options_(std::move(options)),
      on_availability_(std::move(on_availability)),
      enclosure_(log),
      attic_(loop),
      refill_timer_(loop, [this] { Refill(); }),
      shrink_timer_(loop, [this] { Shrink(); }),
      reprobe_timer_(loop, [this] { Reprobe(); }) {
  for (const Kind kind : kBothKinds) {
    kinds_[Index(kind)].status = Probe(kind);
    kinds_[Index(kind)].size = options_.size;
  }
  reprobe_timer_.Set(loop_.Now());  // tells the kinds from the loop
}

MonitorPool::~MonitorPool() {
  for (Members& members : kinds_) members.waiting.clear();
}

std::string MonitorPool::ProgramOf(Kind kind) const {
  return StrCat(options_.monitor_dir, kind == Kind::kKvm ? "/summon-monitor" : "/summon-spt");
}

Result<UniqueFd> MonitorPool::OpenKvm() const {
  UniqueFd fd(open(options_.kvm_path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return KvmOpenError(options_.kvm_path, errno);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0 || !S_ISCHR(status.st_mode) ||
      status.st_rdev != makedev(kKvmMajor, kKvmMinor)) {
    return Error(ErrorCode::kUnavailable,
                 StrCat("open ", options_.kvm_path, ": this is not the KVM device (it must be "
                        "character device ", kKvmMajor, ":", kKvmMinor,
                        "; is it mounted over?)"));
  }
  return fd;
}

Status MonitorPool::Probe(Kind kind) const {
  const std::string program = ProgramOf(kind);
  if (access(program.c_str(), X_OK) != 0) {
    const Error error = ErrnoError(StrCat("find ", program), errno);
    return Error(error.code(), StrCat(error.message(), " (is the installation complete? "
                                      "--monitor-dir names the folder of the monitors)"));
  }
  if (kind == Kind::kKvm) (void)SUMMON_TRY(OpenKvm());
  return Ok();
}

Result<std::unique_ptr<MonitorProcess>> MonitorPool::Start(Kind kind, Device device) {
  SpawnSpec spec{.program = ProgramOf(kind), .arguments = {}};
  UniqueFd kvm;
  if (device == Device::kKvm) {
    kvm = SUMMON_TRY(OpenKvm());
    spec.kvm_fd = kvm.get();
    spec.arguments.push_back(StrCat("--kvm-fd=", kMonitorKvmFd));
    for (std::string& argument : ModeArgument(kind)) {
      spec.arguments.push_back(std::move(argument));
    }
  }
  spec.namespaces = enclosure_.namespaces();
  if (!spec.namespaces.empty()) {
    spec.arguments.push_back(StrCat("--namespaces=", kMonitorNamespacesFd));
  }
  const std::optional<unsigned> uid = uids_.Take();
  if (uid) {
    spec.arguments.push_back(StrCat("--uid=", *uid));
  } else if (geteuid() == 0) {
    return Error(ErrorCode::kExhausted,
                 StrCat("start a monitor: all ", UidRange::kCount, " user ids are in use"));
  }
  Result<std::unique_ptr<MonitorProcess>> process = MonitorProcess::Start(loop_, spec);
  if (!process.ok()) {
    if (uid) uids_.GiveBack(*uid);
    return process.error();
  }
  ++alive_;
  (*process)->Keep(enclosure_.GroupFor((*process)->pid()));
  (*process)->OnGone([this, uid] {
    --alive_;
    if (uid) uids_.GiveBack(*uid);
  });
  return process;
}

std::vector<std::string> MonitorPool::ModeArgument(Kind kind) const {
  const std::optional<hypervisor::GuestModeCode> found = kinds_[Index(kind)].mode;
  if (!options_.guest_mode.empty() && options_.guest_mode != "auto") {
    return {StrCat("--guest-mode=", options_.guest_mode)};
  }
  if (!found) return {};
  const bool ring0 = *found == hypervisor::GuestModeCode::kRing0;
  return {StrCat("--guest-mode=", ring0 ? "ring0" : "ring3")};
}

void MonitorPool::Want(Kind kind) {
  kinds_[Index(kind)].wanted = true;
  refill_timer_.Set(loop_.Now());
}

void MonitorPool::Disturb() {
  attic_.Disturb();
  if (refill_latest_ == kNever) return;  // nothing to put off
  RefillSoon();
}

void MonitorPool::RefillSoon() {
  if (options_.size == 0) return;
  const Instant now = loop_.Now();
  if (refill_latest_ == kNever) refill_latest_ = now + kRefillLatest;
  refill_timer_.Set(std::min(now + kRefillAfter, refill_latest_));
}

MonitorPool::Counters MonitorPool::counters(Kind kind) const {
  const Members& members = kinds_[Index(kind)];
  const auto ready =
      std::count_if(members.waiting.begin(), members.waiting.end(),
                    [kind](const auto& member) { return Ready(kind, *member); });
  return Counters{members.hits, members.misses, members.size, static_cast<std::size_t>(ready)};
}

Result<std::unique_ptr<MonitorProcess>> MonitorPool::Take(Kind kind) {
  Members& members = kinds_[Index(kind)];
  RefillSoon();
  // One that was killed a moment ago still takes messages, but they would be in vain.
  auto found = std::find_if(
      members.waiting.begin(), members.waiting.end(),
      [kind](const auto& member) { return Ready(kind, *member) && !member->HasExited(); });
  const bool hit = found != members.waiting.end() && members.status.ok();
  ++(hit ? members.hits : members.misses);
  if (!hit) Grow(kind);
  if (!hit && members.status.ok()) {
    found = std::find_if(members.waiting.begin(), members.waiting.end(),
                         [](const auto& member) { return !member->HasExited(); });
  }
  if (found != members.waiting.end() && members.status.ok()) {
    std::unique_ptr<MonitorProcess> member = std::move(*found);
    members.waiting.erase(found);
    // Sooner than it would be in its turn; a ready one has its priority already.
    if (!hit && idle_priority_) (void)member->SetPriority(MonitorProcess::Priority::kNormal);
    member->OnPrepared(nullptr);
    return member;
  }
  Result<std::unique_ptr<MonitorProcess>> started =
      Start(kind, kind == Kind::kKvm ? Device::kKvm : Device::kNone);
  if (!started.ok() && started.error().code() != ErrorCode::kExhausted) {
    SetStatus(kind, started.error());
  }
  return started;
}

void MonitorPool::Grow(Kind kind) {
  if (options_.size == 0) return;
  Members& members = kinds_[Index(kind)];
  members.missed_at = loop_.Now();
  if (!members.was_full) return;
  members.was_full = false;
  const std::size_t size_max = std::max(options_.size, options_.size_max);
  const std::size_t size = std::min(members.size * 2, size_max);
  if (size > members.size) {
    log_.Debug("the pool grows", {{"kind", KindName(kind)}, {"size", size}});
  }
  members.size = size;
  if (size > options_.size) shrink_timer_.Set(loop_.Now() + kShrinkAfter);
}

void MonitorPool::Shrink() {
  bool again = false;
  for (const Kind kind : kBothKinds) {
    Members& members = kinds_[Index(kind)];
    const bool quiet = loop_.Now() - members.missed_at >= kShrinkAfter;
    if (quiet && members.size > options_.size) {
      --members.size;
      if (members.waiting.size() > members.size) {
        attic_.Put(std::move(members.waiting.back()));
        members.waiting.pop_back();
      }
    }
    again = again || members.size > options_.size;
  }
  if (again) shrink_timer_.Set(loop_.Now() + kShrinkAfter);
}

Result<std::unique_ptr<MonitorProcess>> MonitorPool::StartChecker(Kind kind) {
  return Start(kind, Device::kNone);
}

void MonitorPool::Suspect(Kind kind) {
  const Status probed = Probe(kind);
  if (!probed.ok()) SetStatus(kind, probed);
}

Status MonitorPool::AddMember(Kind kind) {
  std::unique_ptr<MonitorProcess> member =
      SUMMON_TRY(Start(kind, kind == Kind::kKvm ? Device::kKvm : Device::kNone));
  member->OnExit([this, kind, raw = member.get()](const MonitorExit& exit) {
    MemberDied(kind, raw, exit);
  });
  if (kind == Kind::kKvm) {
    member->OnPrepared([this, kind, raw = member.get()](const MachineReport& machine) {
      MemberReady(kind, *raw, machine);
    });
    // Only now, after its exec: until then we wait for it. A member of the other kind is ready so
    // soon, and does not say when, that its priority stays.
    if (idle_priority_) {
      idle_priority_ = geteuid() == 0 &&
                       member->SetPriority(MonitorProcess::Priority::kIdle).ok();
    }
  }
  kinds_[Index(kind)].waiting.push_back(std::move(member));
  return Ok();
}

void MonitorPool::MemberReady(Kind kind, MonitorProcess& member, const MachineReport& machine) {
  Members& members = kinds_[Index(kind)];
  if (idle_priority_) {
    const Status back = member.SetPriority(MonitorProcess::Priority::kNormal);
    if (!back.ok()) {
      // Not one more of these, and not this one either: it would run when nobody else wants to.
      log_.Warning("monitors get ready at normal priority from now on",
                   {{"why", back.error().message()}});
      idle_priority_ = false;
      member.Kill();
      return;
    }
  }
  if (!members.mode) {
    members.mode = machine.mode;
    log_.Debug("how guests run", {{"mode", static_cast<int>(machine.mode)},
                                  {"tsc_hz", machine.tsc_hz}});
    if (Lacks(members)) RefillSoon();
  }
  if (members.on_probation) {
    members.on_probation = false;
    SetStatus(kind, Ok());
  }
}

void MonitorPool::MemberDied(Kind kind, const MonitorProcess* member, const MonitorExit& exit) {
  Members& members = kinds_[Index(kind)];
  const bool young = loop_.Now() - member->started() < kProbation;
  std::erase_if(members.waiting, [member](const auto& one) { return one.get() == member; });
  const bool killed = exit.signalled && exit.code == SIGKILL && exit.broken.empty();
  if (young && !killed) {
    members.on_probation = false;
    return SetStatus(kind, Error(ErrorCode::kUnavailable, DescribeExit(exit)));
  }
  log_.Warning("a waiting monitor died", {{"kind", KindName(kind)}, {"why", DescribeExit(exit)}});
  RefillSoon();
}

void MonitorPool::SetStatus(Kind kind, Status status) {
  Members& members = kinds_[Index(kind)];
  const bool same = members.status.ok() == status.ok() &&
                    (status.ok() || members.status.error().message() == status.error().message());
  members.status = std::move(status);
  if (!members.status.ok()) {
    members.mode.reset();  // what comes back may be another KVM
    reprobe_timer_.Set(loop_.Now() + kReprobe);
  }
  if (members.status.ok()) refill_timer_.Set(loop_.Now());
  if (same && members.told) return;
  members.told = true;
  // From the loop, so that whoever caused this is not called back from within its own call.
  loop_.Post([tell = on_availability_, kind, told = members.status] { tell(kind, told); });
}

bool MonitorPool::Lacks(const Members& members) const {
  return members.wanted && members.status.ok() && members.waiting.size() < members.size;
}

void MonitorPool::Refill() {
  refill_latest_ = kNever;
  bool short_of_members = false;
  for (const Kind kind : kBothKinds) {
    Members& members = kinds_[Index(kind)];
    if (!Lacks(members)) continue;
    // The first member finds out how guests run; the next ones wait for what it says.
    if (kind == Kind::kKvm && !members.mode && !members.waiting.empty()) continue;
    const Status added = AddMember(kind);
    if (!added.ok()) {
      log_.Warning("cannot start a monitor ahead of time",
                   {{"kind", KindName(kind)}, {"why", added.error().message()}});
      if (added.error().code() == ErrorCode::kExhausted) continue;  // the next launch tries again
      SetStatus(kind, added);
      continue;
    }
    const bool lacks = Lacks(members);
    if (!lacks) members.was_full = true;
    short_of_members = short_of_members || lacks;
  }
  if (short_of_members) RefillSoon();
}

void MonitorPool::Reprobe() {
  for (const Kind kind : kBothKinds) {
    Members& members = kinds_[Index(kind)];
    if (!members.told) {
      SetStatus(kind, members.status);
      continue;
    }
    if (members.status.ok()) continue;
    const Status probed = Probe(kind);
    if (!probed.ok()) {
      members.on_probation = false;
      SetStatus(kind, probed);
    } else if (members.on_probation) {
      // The member that was started at the last probe still lives.
      members.on_probation = false;
      SetStatus(kind, Ok());
    } else {
      const Status added = AddMember(kind);
      members.on_probation = added.ok();
      if (!added.ok()) SetStatus(kind, added);
      reprobe_timer_.Set(loop_.Now() + (added.ok() ? kProbation : kReprobe));
    }
  }
}

}  // namespace summon::launcher
