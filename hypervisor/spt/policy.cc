// SPDX-License-Identifier: Apache-2.0
// The table; see the header. The calls are those of Solo5's spt bindings, 0.6.0 to 0.12.1, and the
// two that the watch over the boot stages makes (hypervisor/spt/stage_watch.h).
#include "hypervisor/spt/policy.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

#include "hypervisor/control/protocol.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/spt/process_memory.h"
#include "hypervisor/spt/stage_watch.h"

namespace summon::hypervisor {
namespace {

constexpr Arg kFirst{0};
constexpr Arg kSecond{1};
constexpr Arg kThird{2};
constexpr Arg kFourth{3};
constexpr Arg kFifth{4};

ArgumentCheck On(int fd) { return ArgIs(kFirst, static_cast<std::uint32_t>(fd)); }

void AddNet(const PolicyNet& net, std::vector<SyscallRule>& rules) {
  rules.push_back({SYS_read, {On(net.fd)}, "net: the next frame"});
  rules.push_back({SYS_write, {On(net.fd)}, "net: send a frame"});
}

// One sector at most, so that two comparisons keep the whole transfer inside the device, and a
// write from growing the file.
void AddBlock(const PolicyBlock& block, std::vector<SyscallRule>& rules) {
  const ArgumentCheck size = ArgAtMost(kThird, block.sector_size);
  const ArgumentCheck offset = ArgAtMost(kFourth, block.capacity - block.sector_size);
  rules.push_back({SYS_pread64, {On(block.fd), size, offset}, "block: read a sector"});
  if (block.read_only) {
    rules.push_back({SYS_pwrite64, {On(block.fd)}, "block: read-only, writes are refused",
                     RuleAction::kAnswerInvalid});
  } else {
    rules.push_back({SYS_pwrite64, {On(block.fd), size, offset},
                     "block: write a sector"});
  }
}

void AddMachineRules(std::vector<SyscallRule>& rules) {
#if defined(__x86_64__)
  rules.push_back({SYS_arch_prctl, {ArgIs(kFirst, ARCH_SET_FS)}, "the guest's TLS pointer"});
#else
  (void)rules;  // aarch64 guests write TPIDR_EL0 themselves
#endif
}

// The descriptors that a job brings, and our own above the control socket.
constexpr ArgumentCheck OnGiven() {
  return ArgWithin(kFirst, {kControlFd + 1, kWatchedFdMax - 1});
}
constexpr ArgumentCheck OnControl() { return ArgIs(kFirst, kControlFd); }

// In a variable: <linux/prctl.h> of Debian 12 has the name, older ones do not.
constexpr std::uint32_t kSetSyscallUserDispatch = 59;

constexpr ArgumentCheck kNotExecutable = ArgBitsClear(kThird, PROT_EXEC);
constexpr ArgumentCheck kNotWritable = ArgBitsClear(kThird, PROT_WRITE);

constexpr SyscallRule kWaitingRules[] = {
    // What the guest will make use of.
    {SYS_read, {OnGiven()}, "net: the next frame"},
    {SYS_write, {OnGiven()}, "net: send a frame"},
    {SYS_epoll_pwait, {OnGiven()}, "POLL: wait for frames and the timer"},
    {SYS_timerfd_settime, {OnGiven()}, "POLL: the deadline"},
    {SYS_clock_gettime, {}, "clocks"},
    {SYS_pread64, {OnGiven()}, "the image; block: read a sector"},
    {SYS_pwrite64, {OnGiven()}, "block: write a sector"},
    {SYS_write, {ArgIs(kFirst, STDOUT_FILENO)}, "console"},
    // No address: only to the peer that the socket has. No sendmsg: no descriptor leaves.
    {SYS_sendto, {OnControl(), ArgEquals(kFifth, 0)}, "reports"},
    {SYS_rt_sigreturn, {}, "stage watch: return to the guest"},
#if defined(__x86_64__)
    {SYS_arch_prctl, {ArgIs(kFirst, ARCH_SET_FS)}, "the guest's TLS pointer"},
#endif
    // The job and its image.
    {SYS_recvmsg, {OnControl()}, "the job"},
    {SYS_mmap, {kNotExecutable}, "guest memory; the heap"},
    {SYS_mprotect, {kNotExecutable}, "guest memory that is not text"},
    {SYS_mprotect,
     {ArgAtLeast(kFirst, kSptMemoryBase), ArgAtMost(kFirst, kGuestMemoryMax), kNotWritable,
      ArgAtMost(kSecond, kGuestMemoryMax)},
     "the guest's text"},
    {SYS_munmap, {}, "the heap, when it gives a large piece back", RuleAction::kAllow,
     RuleUse::kSeldom},
    {SYS_brk, {}, "the heap"},
    {SYS_epoll_ctl, {OnGiven(), ArgIs(kSecond, EPOLL_CTL_ADD)}, "POLL: net devices"},
    // The way into the second stage.
    {SYS_dup3, {ArgIs(kSecond, STDOUT_FILENO)}, "the console is descriptor 1"},
    {SYS_close_range, {}, "what the guest is not given"},
    {SYS_close, {}, "what the guest is not given"},
    {SYS_prlimit64, {ArgEquals(kFirst, 0), ArgIs(kSecond, RLIMIT_NOFILE)}, "no more descriptors"},
    {SYS_prlimit64, {ArgEquals(kFirst, 0), ArgIs(kSecond, RLIMIT_NPROC)}, "no more threads"},
    {SYS_fcntl, {OnControl(), ArgIs(kSecond, F_GETFL)}, "end with the launcher"},
    {SYS_fcntl, {OnControl(), ArgIs(kSecond, F_SETFL)}, "end with the launcher"},
    {SYS_ppoll, {}, "whether the launcher has gone already"},
    {SYS_sigaltstack, {}, "stage watch: its stack"},
    {SYS_rt_sigaction, {ArgIs(kFirst, SIGSYS)}, "stage watch: its handler"},
    {SYS_prctl, {ArgIs(kFirst, kSetSyscallUserDispatch)}, "stage watch: switch it on"},
    {SYS_seccomp, {ArgIs(kFirst, SECCOMP_SET_MODE_FILTER), ArgEquals(kSecond, 0)},
     "the filter of the second stage"},
    {SYS_exit_group, {}, "the end"},
    {SYS_write, {ArgIs(kFirst, STDERR_FILENO)}, "what a failed check of ours says",
     RuleAction::kAllow, RuleUse::kSeldom},
};

}  // namespace

std::span<const SyscallRule> SptWaitingRules() { return kWaitingRules; }

std::vector<SyscallRule> SptRules(const SptPolicy& policy) {
  std::vector<SyscallRule> rules;
  for (const PolicyNet& net : policy.nets) AddNet(net, rules);
  rules.push_back({SYS_epoll_pwait, {On(policy.epoll_fd)},
                   "POLL: wait for frames and the timer"});
  rules.push_back({SYS_timerfd_settime, {On(policy.timer_fd)},
                   "POLL: the deadline"});
  rules.push_back({SYS_clock_gettime, {ArgIs(kFirst, CLOCK_MONOTONIC)}, "monotonic clock"});
  rules.push_back({SYS_clock_gettime, {ArgIs(kFirst, CLOCK_REALTIME)}, "wall clock"});
  for (const PolicyBlock& block : policy.blocks) AddBlock(block, rules);
  rules.push_back({SYS_write, {On(policy.console_fd)}, "console"});
  rules.push_back({SYS_sendto,
                   {On(policy.control_fd),
                    ArgEquals(kThird, sizeof(ReportFrame)),
                    ArgIs(kFourth, MSG_DONTWAIT | MSG_NOSIGNAL), ArgEquals(kFifth, 0)},
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
