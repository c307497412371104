// SPDX-License-Identifier: Apache-2.0
// Checking and placing descriptors.
#include "hypervisor/monitor/descriptors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "hypervisor/sandbox/monitor_policy.h"

namespace summon::hypervisor {

namespace {

enum class Access { kRead, kWrite, kBoth };

bool Allows(int flags, Access wanted) {
  const int mode = flags & O_ACCMODE;
  if ((flags & O_PATH) != 0) return false;
  switch (wanted) {
    case Access::kRead: return mode == O_RDONLY || mode == O_RDWR;
    case Access::kWrite: return mode == O_WRONLY || mode == O_RDWR;
    case Access::kBoth: return mode == O_RDWR;
  }
  return false;
}

Status CheckAccess(int fd, Access wanted, std::string_view what) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoError(StrCat("job: ", what), errno);
  if (Allows(flags, wanted)) return Ok();
  constexpr std::string_view kNames[] = {"readable", "writable", "readable and writable"};
  return Error(ErrorCode::kInvalid, StrCat("job: the descriptor of ", what, " is not ",
                                           kNames[static_cast<int>(wanted)]));
}

Status CheckDevice(const JobDevice& device, int fd) {
  const bool block = device.type == DeviceType::kBlock;
  const std::string what = StrCat(block ? "block " : "net ", Quote(device.name));
  const Access wanted = block && device.read_only != 0 ? Access::kRead : Access::kBoth;
  if (Status access = CheckAccess(fd, wanted, what); !access.ok()) return access;
  if (!block) return Ok();
  const off_t size = lseek(fd, 0, SEEK_END);  // of files and of block devices alike
  if (size < 0) return ErrnoError(StrCat("job: size of ", what), errno);
  if (static_cast<std::uint64_t>(size) < device.capacity) {
    return Error(ErrorCode::kInvalid, StrCat("job: ", what, " has ", size,
                                             " bytes; its capacity is ", device.capacity));
  }
  return Ok();
}

Status MakeNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) return Ok();
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoError("job: make a descriptor non-blocking", errno);
  }
  return Ok();
}

Result<UniqueFd> Place(UniqueFd from, int to) {
  if (dup3(from.get(), to, O_CLOEXEC) < 0) return ErrnoError("place a descriptor", errno);
  return UniqueFd(to);
}

}  // namespace

Status CheckDescriptors(const Job& job, const std::vector<UniqueFd>& fds) {
  SUMMON_TRY(CheckAccess(fds[Job::kImage].get(), Access::kRead, "the image"));
  SUMMON_TRY(CheckAccess(fds[Job::kConsole].get(), Access::kWrite, "the console"));
  for (const JobFlags flag : {kJobSnapshots, kJobLayOut}) {
    if (!job.has(flag)) continue;
    SUMMON_TRY(CheckAccess(fds[job.position(flag)].get(), Access::kBoth, "a file to write"));
  }
  if (job.has(kJobCoreFile)) {
    const int core = fds[job.position(kJobCoreFile)].get();
    SUMMON_TRY(CheckAccess(core, Access::kWrite, "the core file"));
  }
  for (std::size_t i = 0; i < job.devices().size(); ++i) {
    SUMMON_TRY(CheckDevice(job.devices()[i], fds[job.first_device() + i].get()));
  }
  return Ok();
}

Status ClearFixedNumbers(std::vector<UniqueFd>& fds) {
  for (UniqueFd& fd : fds) {
    if (fd.get() >= kDescriptorsEnd) continue;
    UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kDescriptorsEnd));
    if (!moved.valid()) return ErrnoError("place a descriptor", errno);
    fd = std::move(moved);
  }
  return Ok();
}

Result<PlacedDescriptors> PlaceDescriptors(const Job& job, std::vector<UniqueFd> fds) {
  PlacedDescriptors placed;
  for (const JobDevice& device : job.devices()) {
    ++(device.type == DeviceType::kNet ? placed.net_count : placed.block_count);
  }
  struct stat console {};
  // Not fstat(): that of Debian 12's C library is newfstatat, which takes paths.
  if (syscall(SYS_fstat, fds[Job::kConsole].get(), &console) != 0) {
    return ErrnoError("job: console", errno);
  }
  if (S_ISFIFO(console.st_mode) || S_ISSOCK(console.st_mode)) {
    SUMMON_TRY(MakeNonBlocking(fds[Job::kConsole].get()));
  }
  placed.owners.push_back(SUMMON_TRY(Place(std::move(fds[Job::kConsole]), kConsoleFd)));
  if (job.has(kJobSnapshots)) {
    UniqueFd& file = fds[job.position(kJobSnapshots)];
    placed.owners.push_back(SUMMON_TRY(Place(std::move(file), kSnapshotFd)));
  }
  if (job.has(kJobCoreFile)) {
    UniqueFd& core = fds[job.position(kJobCoreFile)];
    placed.owners.push_back(SUMMON_TRY(Place(std::move(core), kCoreFd)));
  }

  int next_net = kFirstDeviceFd;
  int next_block = kFirstDeviceFd + static_cast<int>(placed.net_count);
  for (std::size_t i = 0; i < job.devices().size(); ++i) {
    UniqueFd& fd = fds[job.first_device() + i];
    const bool net = job.devices()[i].type == DeviceType::kNet;
    if (net) SUMMON_TRY(MakeNonBlocking(fd.get()));
    placed.device_fd[i] = net ? next_net++ : next_block++;
    placed.owners.push_back(SUMMON_TRY(Place(std::move(fd), placed.device_fd[i])));
  }
  return placed;
}

}  // namespace summon::hypervisor
