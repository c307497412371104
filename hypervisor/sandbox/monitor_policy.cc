// SPDX-License-Identifier: Apache-2.0
// The monitor's allow-lists, one line a call. Frequent calls first.
#include "hypervisor/sandbox/monitor_policy.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

namespace summon::hypervisor {

namespace {

constexpr Arg kFirst{0};
constexpr Arg kSecond{1};
constexpr Arg kThird{2};
constexpr Arg kFifth{4};

// RLIMIT_NOFILE of a process that waits, less one (process.cc).
constexpr std::uint32_t kReceivedFdMax = 255;

constexpr ArgumentCheck OnControl() { return ArgIs(kFirst, kControlFd); }
constexpr ArgumentCheck OnDevices() {
  return ArgWithin(kFirst, {kFirstDeviceFd, kDescriptorsEnd - 1});
}

// Wherever a file that may be written can stand; above the devices, before it is placed.
constexpr ArgumentCheck OnFiles() { return ArgWithin(kFirst, {kSnapshotFd, kReceivedFdMax}); }

// madvise(2), Linux 5.14; not in every C library.
constexpr IntRange kPopulate = {22, 23};  // MADV_POPULATE_READ, MADV_POPULATE_WRITE

}  // namespace

MonitorPolicy MonitorPolicy::Running(const MonitorNeeds& needs) {
  SUMMON_CHECK(needs.net_devices + needs.block_devices <= kDevicesMax);
  MonitorPolicy policy;
  const ArgumentCheck on_vcpu = ArgIs(kFirst, kVcpuFd);
  for (const std::uint64_t request : needs.vcpu_ioctls) {
    policy.Add({SYS_ioctl, {ArgIs(kSecond, static_cast<std::uint32_t>(request)), on_vcpu},
                "run the guest, look at its registers"});
  }
  policy.AddDevices(needs);
  policy.AddOrders();
  for (const std::uint64_t request : needs.snapshot_ioctls) {
    policy.Add({SYS_ioctl, {ArgIs(kSecond, static_cast<std::uint32_t>(request)), on_vcpu},
                "the CPU's part of a snapshot"});
  }
  if (needs.snapshots) {
    policy.Add({SYS_pwrite64, {ArgIs(kFirst, kSnapshotFd)}, "the pages of a snapshot"});
  }
  if (needs.core_file) {
    policy.Add({SYS_pwrite64, {ArgIs(kFirst, kCoreFd)}, "the core of a guest that ended badly"});
  }
  policy.AddReportsAndEnd();
  return policy;
}

void MonitorPolicy::AddDevices(const MonitorNeeds& needs) {
  constexpr std::uint32_t kFirstNet = kFirstDeviceFd;
  const std::uint32_t first_block = kFirstNet + needs.net_devices;
  const ArgumentCheck on_net = ArgWithin(kFirst, {kFirstNet, first_block - 1});
  const ArgumentCheck on_block =
      ArgWithin(kFirst, {first_block, first_block + needs.block_devices - 1});
  if (needs.net_devices > 0) {
    Add({SYS_read, {on_net}, "a frame for the guest"});
    Add({SYS_write, {on_net}, "a frame from the guest"});
  }
  Add({SYS_ppoll, {}, "the guest waits; changes nothing"});
  Add({SYS_write, {ArgIs(kFirst, kConsoleFd)}, "the guest's console"});
  if (needs.block_devices > 0) {
    Add({SYS_pread64, {on_block}, "the guest reads a block device"});
    Add({SYS_pwrite64, {on_block}, "the guest writes a block device"});
  }
}

void MonitorPolicy::AddOrders() {
  // Not recvmsg: no descriptor arrives.
  Add({SYS_recvfrom, {OnControl()}, "orders"});
  Add({SYS_rt_sigreturn, {}, "the end of the handler that stops the CPU for an order"});
}

void MonitorPolicy::AddReportsAndEnd() {
  // No address: only to the peer that the socket has. No sendmsg: no descriptor leaves.
  Add({SYS_sendto, {OnControl(), ArgEquals(kFifth, 0)}, "reports"});
  Add({SYS_clock_gettime, {}, "deadlines and wall time, where there is no vDSO",
       RuleAction::kAllow, RuleUse::kWithoutVdso});
  Add({SYS_exit_group, {}, "the end"});
}

MonitorPolicy MonitorPolicy::Waiting(std::span<const std::uint64_t> ioctls) {
  MonitorPolicy policy;
  for (const std::uint64_t request : ioctls) {
    policy.Add({SYS_ioctl, {ArgIs(kSecond, static_cast<std::uint32_t>(request))},
                "a machine's memory and CPU"});
  }
  // What the running guest will need, on whatever devices the job brings.
  policy.Add({SYS_read, {OnDevices()}, "a frame for the guest"});
  policy.Add({SYS_write, {OnDevices()}, "a frame from the guest"});
  policy.Add({SYS_ppoll, {}, "the wait for a job, or of the guest"});
  policy.Add({SYS_write, {ArgIs(kFirst, kConsoleFd)}, "the guest's console"});
  policy.Add({SYS_pwrite64, {OnFiles()}, "a block device, a layout, a snapshot, a core"});
  policy.AddOrders();
  policy.AddJob();
  policy.AddMemory();
  policy.AddSettling();
  policy.AddReportsAndEnd();
  return policy;
}

// The job, its descriptors, its image.
void MonitorPolicy::AddJob() {
  Add({SYS_pread64, {}, "the image; a block device"});
  Add({SYS_recvmsg, {OnControl()}, "the job"});
  Add({SYS_fcntl, {ArgIs(kSecond, F_GETFL)}, "what a descriptor can do"});
  Add({SYS_fcntl, {ArgIs(kSecond, F_SETFL)}, "taps do not block; watch the control socket"});
  Add({SYS_fcntl, {ArgIs(kSecond, F_DUPFD_CLOEXEC)}, "clear the fixed numbers"});
  Add({SYS_dup3, {ArgIs(kThird, O_CLOEXEC)}, "place a descriptor at its fixed number"});
  Add({SYS_close, {}, "what is placed elsewhere, what is not needed"});
  Add({SYS_lseek, {ArgIs(kThird, SEEK_END)}, "the size of a block device"});
  Add({SYS_fstat, {}, "whether the console is a pipe; the size of a layout"});
  Add({SYS_ftruncate, {OnFiles()}, "a layout becomes as long as it must be"});
}

void MonitorPolicy::AddMemory() {
  const ArgumentCheck not_executable = ArgBitsClear(kThird, PROT_EXEC);
  Add({SYS_mmap, {not_executable}, "guest memory; the heap"});
  Add({SYS_mprotect, {not_executable}, "the guest's text is not writable"});
  Add({SYS_madvise, {ArgWithin(kThird, kPopulate)}, "pages that a guest is known to touch"});
  Add({SYS_madvise, {ArgIs(kThird, MADV_HUGEPAGE)}, "memory of guests of 64 MiB and more",
       RuleAction::kAllow, RuleUse::kSeldom});
  Add({SYS_munmap, {}, "what alignment left over; the heap"});
  Add({SYS_brk, {}, "the heap, when it outgrows the 132 KiB it began with", RuleAction::kAllow,
       RuleUse::kSeldom});
}

// The way into the second stage.
void MonitorPolicy::AddSettling() {
  Add({SYS_prlimit64, {ArgEquals(kFirst, 0), ArgIs(kSecond, RLIMIT_NOFILE)},
       "no more descriptors"});
  Add({SYS_prlimit64, {ArgEquals(kFirst, 0), ArgIs(kSecond, RLIMIT_NPROC)}, "no more threads"});
  Add({SYS_rt_sigaction, {ArgIs(kFirst, SIGIO)}, "the handler that stops the CPU for an order"});
  Add({SYS_seccomp, {ArgIs(kFirst, SECCOMP_SET_MODE_FILTER), ArgEquals(kSecond, 0)},
       "the filter of the second stage"});
  Add({SYS_write, {ArgIs(kFirst, STDERR_FILENO)}, "what a failed check of ours says",
       RuleAction::kAllow, RuleUse::kSeldom});
}

void MonitorPolicy::Add(const SyscallRule& rule) {
  SUMMON_CHECK(count_ < rules_.size());
  rules_[count_++] = rule;
}

}  // namespace summon::hypervisor
