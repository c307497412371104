// SPDX-License-Identifier: Apache-2.0
// From a job to a guest's first instruction; see the header. The order matters: all that can fail
// for reasons of the image comes before anything is given up, and the last thing before the jump
// is the filter, because nothing but the guest's own calls passes it.
#include "hypervisor/spt/sandbox_run.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/sandbox/process.h"
#include "hypervisor/spt/policy.h"
#include "hypervisor/spt/process_memory.h"
#include "hypervisor/spt/stage_watch.h"

namespace summon::hypervisor {
namespace {

struct CheckedJob {
  Image image;
  Manifest manifest;  // attached, without descriptors yet
};

// Everything that the image can be refused for.
Result<CheckedJob> CheckJob(const SptJob& job, ImageSource& source) {
  CheckedJob checked;
  checked.image = SUMMON_TRY(ParseImage(source, Target::kSpt));
  SUMMON_TRY(CheckFits(checked.image, job.order->frame.memory_bytes));
  checked.manifest =
      SUMMON_TRY(AttachDevices(checked.image.manifest, job.order->devices()));
  return checked;
}

// What the guest, the filter and the watch need to know of the descriptors.
struct Wiring {
  SptPolicy policy;
  WatchPlan watch;
};

Status WatchForFrames(int epoll, int fd, std::size_t manifest_index) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = manifest_index;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoError(StrCat("watch net device ", manifest_index), errno);
  }
  return Ok();
}

Result<Wiring> WireDevices(const SptJob& job, const SptTimers& timers, Manifest& manifest) {
  Wiring wiring;
  wiring.policy = {.console_fd = STDOUT_FILENO,
                   .control_fd = kControlFd,
                   .epoll_fd = timers.epoll.get(),
                   .timer_fd = timers.timer.get(),
                   .nets = {},
                   .blocks = {}};
  for (std::size_t i = 0; i < job.devices.size(); ++i) {
    const JobDevice& device = job.order->devices()[i];
    const int fd = job.devices[i].get();
    const std::size_t index = FindDevice(manifest, device.name).value();  // by AttachDevices
    manifest.entries[index].host = static_cast<std::uint64_t>(fd);
    if (device.type == DeviceType::kNet) {
      if (fd >= kWatchedFdMax) {
        return Error(ErrorCode::kExhausted, StrCat("descriptor ", fd, " of a net device; must be "
                                                   "below ", kWatchedFdMax));
      }
      SUMMON_TRY(WatchForFrames(timers.epoll.get(), fd, index));
      wiring.policy.nets.push_back({.fd = fd});
      wiring.watch.net_fds[fd] = true;
      wiring.watch.has_net = true;
    } else {
      wiring.policy.blocks.push_back({.fd = fd,
                                      .sector_size = device.sector_size,
                                      .capacity = device.capacity,
                                      .read_only = device.read_only != 0});
    }
  }
  return wiring;
}

// Lays out the guest in memory; gives where to enter it.
Result<GuestStart> LayOut(const SptJob& job, const CheckedJob& checked, const SptTimers& timers,
                          ImageSource& source) {
  const std::uint64_t memory_bytes = job.order->frame.memory_bytes;
  const ProcessMemory memory = SUMMON_TRY(ProcessMemory::Map(memory_bytes));
  SUMMON_TRY(LoadImage(checked.image, source, memory.window()));
  const BootArea area = {.target = Target::kSpt,
                         .memory_bytes = memory_bytes,
                         .kernel_end = checked.image.end,
                         .epoll_fd = timers.epoll.get(),
                         .timer_fd = timers.timer.get(),
                         .command_line = job.order->command_line()};
  const std::uint64_t boot_info =
      SUMMON_TRY(WriteBootArea(area, checked.manifest, memory.window()));
  SUMMON_TRY(memory.Protect(checked.image));
  return GuestStart{checked.image.entry, memory_bytes, boot_info};
}

// The console becomes descriptor 1, and what the guest does not need is closed.
Status ArrangeDescriptors(SptJob& job, const Wiring& wiring) {
  if (dup3(job.console.get(), STDOUT_FILENO, 0) < 0 && job.console.get() != STDOUT_FILENO) {
    return ErrnoError("make the console descriptor 1", errno);
  }
  std::vector<int> kept = {STDOUT_FILENO, kControlFd, wiring.policy.epoll_fd,
                           wiring.policy.timer_fd};
  for (UniqueFd& device : job.devices) kept.push_back(device.get());
  std::sort(kept.begin(), kept.end());
  SUMMON_TRY(CloseAllBut(kept));
  return LimitToWhatIsThere(kept.back() + 1);
}

// Everything but the filter itself, which is for EnterGuest to install.
Result<FilterProgram> LockDown(SptJob& job, const Wiring& wiring) {
  SUMMON_TRY(ArrangeDescriptors(job, wiring));
  SUMMON_TRY(EndWithPeer(kControlFd));
  FilterProgram filter = SUMMON_TRY(BuildSptFilter(wiring.policy));
  const WatchReach reach = SUMMON_TRY(ArmStageWatch(wiring.watch));
  ReportStage(kControlFd, Stage::kRunning);
  // Without the watch nobody will see the guest's first POLL; starters wait for kReady.
  if (reach == WatchReach::kNothing) ReportStage(kControlFd, Stage::kReady);
  return filter;
}

}  // namespace

Result<SptTimers> MakeTimers() {
  SptTimers timers;
  timers.epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!timers.epoll.valid()) return ErrnoError("make the epoll set", errno);
  timers.timer = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timers.timer.valid()) return ErrnoError("make the timer", errno);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kSptTimerData;
  if (epoll_ctl(timers.epoll.get(), EPOLL_CTL_ADD, timers.timer.get(), &event) != 0) {
    return ErrnoError("watch the timer", errno);
  }
  return timers;
}

std::optional<RunFailure> RunJob(SptJob job, SptTimers timers) {
  ReportStage(kControlFd, Stage::kAssigned);
  FileImageSource source(job.image.get());
  Result<CheckedJob> checked = CheckJob(job, source);
  if (!checked.ok()) return RunFailure{EndReason::kImageRejected, checked.error()};
  if (job.order->check_only()) return std::nullopt;

  Result<Wiring> wiring = WireDevices(job, timers, checked->manifest);
  if (!wiring.ok()) return RunFailure{EndReason::kJobInvalid, wiring.error()};
  const Result<GuestStart> start = LayOut(job, *checked, timers, source);
  if (!start.ok()) return RunFailure{EndReason::kHostFault, start.error()};
  ReportStage(kControlFd, Stage::kLoaded);

  const Result<FilterProgram> filter = LockDown(job, *wiring);
  if (!filter.ok()) return RunFailure{EndReason::kHostFault, filter.error()};
  return RunFailure{EndReason::kHostFault, EnterGuest(*start, *filter)};
}

}  // namespace summon::hypervisor
