// SPDX-License-Identifier: Apache-2.0
// The monitor's allow-list, one line a call. Frequent calls first.
#include "hypervisor/sandbox/monitor_policy.h"

#include <sys/syscall.h>

#include "base/check.h"

namespace summon::hypervisor {

MonitorPolicy::MonitorPolicy(const MonitorNeeds& needs) {
  SUMMON_CHECK(needs.net_devices + needs.block_devices <= kDevicesMax);
  constexpr std::uint64_t kFirst = kFirstDeviceFd;
  const std::uint64_t blocks = kFirst + needs.net_devices;
  const ArgumentCheck on_vcpu = ArgEquals(Arg{0}, kVcpuFd);
  const ArgumentCheck from_first_net = ArgAtLeast(Arg{0}, kFirst);
  const ArgumentCheck to_last_net = ArgAtMost(Arg{0}, blocks - 1);
  const ArgumentCheck from_first_block = ArgAtLeast(Arg{0}, blocks);
  const ArgumentCheck to_last_block = ArgAtMost(Arg{0}, blocks + needs.block_devices - 1);

  for (const std::uint64_t request : needs.vcpu_ioctls) {
    Add({SYS_ioctl, {on_vcpu, ArgEquals(Arg{1}, request)}, "run the guest, look at its registers"});
  }
  if (needs.net_devices > 0) {
    Add({SYS_read, {from_first_net, to_last_net}, "a frame for the guest"});
    Add({SYS_write, {from_first_net, to_last_net}, "a frame from the guest"});
  }
  Add({SYS_ppoll, {}, "the guest waits; changes nothing"});
  Add({SYS_write, {ArgEquals(Arg{0}, kConsoleFd)}, "the guest's console"});
  if (needs.block_devices > 0) {
    Add({SYS_pread64, {from_first_block, to_last_block}, "the guest reads a block device"});
    Add({SYS_pwrite64, {from_first_block, to_last_block}, "the guest writes a block device"});
  }
  Add({SYS_recvfrom, {ArgEquals(Arg{0}, kControlFd)}, "orders"});
  Add({SYS_rt_sigreturn, {}, "the end of the handler that stops the CPU for an order"});
  for (const std::uint64_t request : needs.snapshot_ioctls) {
    Add({SYS_ioctl, {on_vcpu, ArgEquals(Arg{1}, request)}, "the CPU's part of a snapshot"});
  }
  if (needs.snapshots) {
    Add({SYS_pwrite64, {ArgEquals(Arg{0}, kSnapshotFd)}, "the pages of a snapshot"});
  }
  // No address: only to the peer that the socket has.
  Add({SYS_sendto, {ArgEquals(Arg{0}, kControlFd), ArgEquals(Arg{4}, 0)}, "reports"});
  if (needs.core_file) {
    Add({SYS_pwrite64, {ArgEquals(Arg{0}, kCoreFd)}, "the core of a guest that ended badly"});
  }
  Add({SYS_clock_gettime, {}, "deadlines and wall time, where there is no vDSO"});
  Add({SYS_exit_group, {}, "the end"});
}

void MonitorPolicy::Add(const SyscallRule& rule) {
  SUMMON_CHECK(count_ < rules_.size());
  rules_[count_++] = rule;
}

}  // namespace summon::hypervisor
