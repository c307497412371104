// SPDX-License-Identifier: Apache-2.0
// The table; see the header. The calls are those of Solo5's spt bindings, 0.6.0 to 0.12.1, and the
// two that the watch over the boot stages makes (hypervisor/spt/stage_watch.h).
#include "hypervisor/spt/policy.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {
namespace {

constexpr Arg kFirst{0};
constexpr Arg kThird{2};
constexpr Arg kFourth{3};
constexpr Arg kFifth{4};

std::uint64_t Descriptor(int fd) { return static_cast<std::uint64_t>(fd); }

void AddNet(const PolicyNet& net, std::vector<SyscallRule>& rules) {
  const std::uint64_t fd = Descriptor(net.fd);
  rules.push_back({SYS_read, {ArgEquals(kFirst, fd)}, "net: the next frame"});
  rules.push_back({SYS_write, {ArgEquals(kFirst, fd)}, "net: send a frame"});
}

// One sector at most, so that two comparisons keep the whole transfer inside the device, and a
// write from growing the file.
void AddBlock(const PolicyBlock& block, std::vector<SyscallRule>& rules) {
  const std::uint64_t fd = Descriptor(block.fd);
  const ArgumentCheck size = ArgAtMost(kThird, block.sector_size);
  const ArgumentCheck offset = ArgAtMost(kFourth, block.capacity - block.sector_size);
  rules.push_back({SYS_pread64, {ArgEquals(kFirst, fd), size, offset}, "block: read a sector"});
  if (block.read_only) {
    rules.push_back({SYS_pwrite64, {ArgEquals(kFirst, fd)}, "block: read-only, writes are refused",
                     RuleAction::kAnswerInvalid});
  } else {
    rules.push_back({SYS_pwrite64, {ArgEquals(kFirst, fd), size, offset},
                     "block: write a sector"});
  }
}

void AddMachineRules(std::vector<SyscallRule>& rules) {
#if defined(__x86_64__)
  rules.push_back({SYS_arch_prctl, {ArgEquals(kFirst, ARCH_SET_FS)}, "the guest's TLS pointer"});
#else
  (void)rules;  // aarch64 guests write TPIDR_EL0 themselves
#endif
}

}  // namespace

std::vector<SyscallRule> SptRules(const SptPolicy& policy) {
  std::vector<SyscallRule> rules;
  for (const PolicyNet& net : policy.nets) AddNet(net, rules);
  rules.push_back({SYS_epoll_pwait, {ArgEquals(kFirst, Descriptor(policy.epoll_fd))},
                   "POLL: wait for frames and the timer"});
  rules.push_back({SYS_timerfd_settime, {ArgEquals(kFirst, Descriptor(policy.timer_fd))},
                   "POLL: the deadline"});
  rules.push_back({SYS_clock_gettime, {ArgEquals(kFirst, CLOCK_MONOTONIC)}, "monotonic clock"});
  rules.push_back({SYS_clock_gettime, {ArgEquals(kFirst, CLOCK_REALTIME)}, "wall clock"});
  for (const PolicyBlock& block : policy.blocks) AddBlock(block, rules);
  rules.push_back({SYS_write, {ArgEquals(kFirst, Descriptor(policy.console_fd))}, "console"});
  rules.push_back({SYS_sendto,
                   {ArgEquals(kFirst, Descriptor(policy.control_fd)),
                    ArgEquals(kThird, sizeof(ReportFrame)),
                    ArgEquals(kFourth, MSG_DONTWAIT | MSG_NOSIGNAL), ArgEquals(kFifth, 0)},
                   "stage watch: report a stage; no address, never blocks"});
  rules.push_back({SYS_rt_sigreturn, {}, "stage watch: return to the guest"});
  AddMachineRules(rules);
  rules.push_back({SYS_exit_group, {}, "the end"});
  return rules;
}

Result<FilterProgram> BuildSptFilter(const SptPolicy& policy) {
  return BuildFilter(SptRules(policy));
}

}  // namespace summon::hypervisor
