// SPDX-License-Identifier: Apache-2.0
// What the process guest's filter lets through, judged by running the filter itself.
#include "hypervisor/spt/policy.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>

#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kArch = AUDIT_ARCH_AARCH64;
#endif

bool Holds(const sock_filter& jump, std::uint32_t a) {
  switch (BPF_OP(jump.code)) {
    case BPF_JEQ: return a == jump.k;
    case BPF_JGT: return a > jump.k;
    case BPF_JGE: return a >= jump.k;
    case BPF_JSET: return (a & jump.k) != 0;
    default: return false;
  }
}

// The filter's verdict: as much of a classic BPF machine as our filters need.
std::uint32_t Judge(const FilterProgram& filter, const seccomp_data& call) {
  const auto code = filter.instructions();
  std::uint32_t a = 0;
  for (std::size_t at = 0; at < code.size(); ++at) {
    const sock_filter& step = code[at];
    if (BPF_CLASS(step.code) == BPF_RET) return step.k;
    if (BPF_CLASS(step.code) == BPF_LD) {
      // SAFETY: seccomp_data is trivially copyable and the builder loads only inside it.
      std::memcpy(&a, reinterpret_cast<const char*>(&call) + step.k, sizeof a);
    } else {
      at += Holds(step, a) ? step.jt : step.jf;
    }
  }
  return 0;
}

constexpr std::uint64_t kCapacity = (std::uint64_t{1} << 33) + 4096;  // beyond 32 bits

SptPolicy Policy() {
  return {.console_fd = 1,
          .control_fd = 3,
          .epoll_fd = 4,
          .timer_fd = 5,
          .nets = {{.fd = 8}},
          .blocks = {{.fd = 9, .sector_size = 512, .capacity = kCapacity, .read_only = false},
                     {.fd = 10, .sector_size = 512, .capacity = 4096, .read_only = true}}};
}

std::uint32_t Verdict(long number, std::array<std::uint64_t, 6> arguments) {
  seccomp_data call = {};
  call.nr = static_cast<int>(number);
  call.arch = kArch;
  std::memcpy(call.args, arguments.data(), sizeof call.args);
  return Judge(BuildSptFilter(Policy()).value(), call);
}

bool Allowed(long number, std::array<std::uint64_t, 6> arguments) {
  return Verdict(number, arguments) == SECCOMP_RET_ALLOW;
}

constexpr std::uint64_t kAnyBuffer = 0x200000;

TEST(SptPolicy, NetDescriptorsAreReadAndWritten) {
  EXPECT_TRUE(Allowed(SYS_read, {8, kAnyBuffer, 1514}));
  EXPECT_TRUE(Allowed(SYS_write, {8, kAnyBuffer, 1514}));
}

TEST(SptPolicy, OtherDescriptorsAreNot) {
  EXPECT_FALSE(Allowed(SYS_read, {0, kAnyBuffer, 1}));
  EXPECT_FALSE(Allowed(SYS_read, {3, kAnyBuffer, 1}));
  EXPECT_FALSE(Allowed(SYS_write, {3, kAnyBuffer, 1}));
  EXPECT_FALSE(Allowed(SYS_write, {9, kAnyBuffer, 512}));
  // The kernel itself looks at the low half of a descriptor: this is 8.
  EXPECT_TRUE(Allowed(SYS_read, {(std::uint64_t{1} << 32) | 8, kAnyBuffer, 1}));
}

TEST(SptPolicy, BlockTransfersStayInsideTheDevice) {
  EXPECT_TRUE(Allowed(SYS_pread64, {9, kAnyBuffer, 512, 0}));
  EXPECT_TRUE(Allowed(SYS_pread64, {9, kAnyBuffer, 512, kCapacity - 512}));
  EXPECT_FALSE(Allowed(SYS_pread64, {9, kAnyBuffer, 512, kCapacity - 511}));
  EXPECT_FALSE(Allowed(SYS_pwrite64, {9, kAnyBuffer, 512, kCapacity - 511}));
  EXPECT_FALSE(Allowed(SYS_pwrite64, {9, kAnyBuffer, 512, ~std::uint64_t{0}}));
  EXPECT_FALSE(Allowed(SYS_pwrite64, {9, kAnyBuffer, 513, 0}));
  EXPECT_FALSE(Allowed(SYS_pwrite64, {9, kAnyBuffer, std::uint64_t{1} << 32, 0}));
}

TEST(SptPolicy, ReadOnlyDeviceAnswersInvalidToWrites) {
  EXPECT_TRUE(Allowed(SYS_pread64, {10, kAnyBuffer, 512, 0}));
  EXPECT_EQ(Verdict(SYS_pwrite64, {10, kAnyBuffer, 512, 0}),
            SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(EINVAL));
}

TEST(SptPolicy, PollIsBoundToItsDescriptors) {
  EXPECT_TRUE(Allowed(SYS_epoll_pwait, {4, kAnyBuffer, 2, ~std::uint64_t{0}}));
  EXPECT_FALSE(Allowed(SYS_epoll_pwait, {5, kAnyBuffer, 2, 0}));
  EXPECT_TRUE(Allowed(SYS_timerfd_settime, {5, 1, kAnyBuffer, 0}));
  EXPECT_FALSE(Allowed(SYS_timerfd_settime, {4, 1, kAnyBuffer, 0}));
}

TEST(SptPolicy, OnlyTheTwoClocksAreRead) {
  EXPECT_TRUE(Allowed(SYS_clock_gettime, {0, kAnyBuffer}));
  EXPECT_TRUE(Allowed(SYS_clock_gettime, {1, kAnyBuffer}));
  EXPECT_FALSE(Allowed(SYS_clock_gettime, {2, kAnyBuffer}));
}

TEST(SptPolicy, DangerousCallsAreNotThere) {
  EXPECT_EQ(Verdict(SYS_mmap, {0, 4096, 7, 0x22, ~std::uint64_t{0}, 0}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_mprotect, {0x100000, 4096, 7}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_openat, {0, kAnyBuffer, 0}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_kill, {1, 9}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_ioctl, {8, 0, 0}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_prctl, {59, 0}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_fcntl, {3, 4, 0}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(SYS_execve, {kAnyBuffer, 0, 0}), SECCOMP_RET_KILL_PROCESS);
}

TEST(SptPolicy, ReportsAreOfOneSizeAndNeverBlock) {
  const std::uint64_t size = sizeof(ReportFrame);
  EXPECT_TRUE(Allowed(SYS_sendto, {3, kAnyBuffer, size, 0x4040, 0, 0}));
  EXPECT_FALSE(Allowed(SYS_sendto, {3, kAnyBuffer, size, 0, 0, 0}));
  EXPECT_FALSE(Allowed(SYS_sendto, {3, kAnyBuffer, size + 1, 0x4040, 0, 0}));
  EXPECT_FALSE(Allowed(SYS_sendto, {3, kAnyBuffer, size, 0x4040, kAnyBuffer, 16}));
}

TEST(SptPolicy, ForeignArchitecturesAreKilled) {
  seccomp_data call = {};
  call.nr = SYS_exit_group;
  call.arch = AUDIT_ARCH_I386;
  EXPECT_EQ(Judge(BuildSptFilter(Policy()).value(), call), SECCOMP_RET_KILL_PROCESS);
}

TEST(SptPolicy, SixtyThreeBlockDevicesFit) {
  SptPolicy policy = Policy();
  policy.blocks.assign(63, {.fd = 9, .sector_size = 512, .capacity = 4096, .read_only = false});
  EXPECT_TRUE(BuildSptFilter(policy).ok());
}

TEST(SptPolicy, EveryRuleSaysWhyItIsThere) {
  for (const SyscallRule& rule : SptRules(Policy())) EXPECT_GT(std::strlen(rule.reason), 5u);
}

}  // namespace
}  // namespace summon::hypervisor
