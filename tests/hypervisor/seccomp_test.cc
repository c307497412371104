// SPDX-License-Identifier: Apache-2.0
// The filter builder, tried by the kernel itself: each case installs a filter in a child process
// and makes one call. getpriority is used as the guinea pig because nothing else here needs it.
#include "hypervisor/sandbox/seccomp.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

namespace summon::hypervisor {
namespace {

constexpr int kAllowed = 42;  // the child's exit status when the call went through

// What becomes of a child that installs `rules` and calls getpriority(which, who).
// kAllowed, or minus the signal that ended it.
int TryCall(std::vector<SyscallRule> rules, std::uint64_t which, std::uint64_t who) {
  rules.push_back({SYS_exit_group, {}, "the child's own end"});
  const Result<FilterProgram> filter = BuildFilter(rules);
  EXPECT_TRUE(filter.ok());
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
    if (!InstallFilter(*filter).ok()) _exit(2);
    (void)syscall(SYS_getpriority, which, who);  // only whether it is permitted matters
    (void)syscall(SYS_exit_group, kAllowed);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

constexpr std::uint64_t kHigh = 0x1'0000'0000;

std::vector<SyscallRule> With(const ArgumentCheck& check) {
  return {{SYS_getpriority, {check}, "under test"}};
}

TEST(Seccomp, CallWithoutRuleEndsTheProcess) { EXPECT_EQ(TryCall({}, 0, 0), -SIGSYS); }

TEST(Seccomp, CallWithRuleIsPermitted) {
  EXPECT_EQ(TryCall({{SYS_getpriority, {}, "under test"}}, 0, 0), kAllowed);
}

TEST(Seccomp, EqualComparesAll64Bits) {
  EXPECT_EQ(TryCall(With(ArgEquals(Arg{1}, kHigh + 5)), 0, kHigh + 5), kAllowed);
  EXPECT_EQ(TryCall(With(ArgEquals(Arg{1}, kHigh + 5)), 0, 5), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgEquals(Arg{1}, kHigh + 5)), 0, kHigh + 6), -SIGSYS);
}

TEST(Seccomp, AtMostIsUnsignedAndWide) {
  EXPECT_EQ(TryCall(With(ArgAtMost(Arg{1}, kHigh + 5)), 0, kHigh + 5), kAllowed);
  EXPECT_EQ(TryCall(With(ArgAtMost(Arg{1}, kHigh + 5)), 0, 0xffff'ffff), kAllowed);
  EXPECT_EQ(TryCall(With(ArgAtMost(Arg{1}, kHigh + 5)), 0, kHigh + 6), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgAtMost(Arg{1}, kHigh + 5)), 0, 2 * kHigh), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgAtMost(Arg{1}, 5)), 0, ~std::uint64_t{0}), -SIGSYS);
}

TEST(Seccomp, AtLeastIsUnsignedAndWide) {
  EXPECT_EQ(TryCall(With(ArgAtLeast(Arg{1}, kHigh + 5)), 0, kHigh + 5), kAllowed);
  EXPECT_EQ(TryCall(With(ArgAtLeast(Arg{1}, kHigh + 5)), 0, 2 * kHigh), kAllowed);
  EXPECT_EQ(TryCall(With(ArgAtLeast(Arg{1}, kHigh + 5)), 0, kHigh + 4), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgAtLeast(Arg{1}, kHigh + 5)), 0, 0xffff'ffff), -SIGSYS);
}

TEST(Seccomp, BitsClearLooksAtBothHalves) {
  EXPECT_EQ(TryCall(With(ArgBitsClear(Arg{1}, kHigh | 4)), 0, 3), kAllowed);
  EXPECT_EQ(TryCall(With(ArgBitsClear(Arg{1}, kHigh | 4)), 0, 7), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgBitsClear(Arg{1}, kHigh | 4)), 0, kHigh | 3), -SIGSYS);
}

TEST(Seccomp, IsLooksAtTheLowHalfAlone) {
  EXPECT_EQ(TryCall(With(ArgIs(Arg{1}, 5)), 0, 5), kAllowed);
  EXPECT_EQ(TryCall(With(ArgIs(Arg{1}, 5)), 0, kHigh + 5), kAllowed);
  EXPECT_EQ(TryCall(With(ArgIs(Arg{1}, 5)), 0, 6), -SIGSYS);
}

TEST(Seccomp, WithinIncludesBothEnds) {
  EXPECT_EQ(TryCall(With(ArgWithin(Arg{1}, {5, 7})), 0, 4), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgWithin(Arg{1}, {5, 7})), 0, 5), kAllowed);
  EXPECT_EQ(TryCall(With(ArgWithin(Arg{1}, {5, 7})), 0, 7), kAllowed);
  EXPECT_EQ(TryCall(With(ArgWithin(Arg{1}, {5, 7})), 0, 8), -SIGSYS);
  EXPECT_EQ(TryCall(With(ArgWithin(Arg{1}, {5, 7})), 0, 0xffff'ffff), -SIGSYS);
}

// So many rules for one call that no conditional jump spans them.
TEST(Seccomp, CallsBehindALongOneAreReached) {
  std::vector<SyscallRule> rules(100, {SYS_getppid, {ArgEquals(Arg{1}, 1)}, "filler"});
  rules.push_back({SYS_getpriority, {ArgEquals(Arg{1}, 9)}, "under test"});
  EXPECT_EQ(TryCall(rules, 0, 9), kAllowed);
  EXPECT_EQ(TryCall(rules, 0, 1), -SIGSYS);
}

TEST(Seccomp, RulesOfOneCallMayStandApart) {
  const std::vector<SyscallRule> rules = {{SYS_getpriority, {ArgEquals(Arg{1}, 1)}, ""},
                                          {SYS_getppid, {}, "between"},
                                          {SYS_getpriority, {ArgEquals(Arg{1}, 9)}, ""}};
  EXPECT_EQ(TryCall(rules, 0, 9), kAllowed);
  EXPECT_EQ(TryCall(rules, 0, 5), -SIGSYS);
}

TEST(Seccomp, MatchesMeansWhatTheFilterDoes) {
  const SyscallRule rule = {SYS_read, {ArgWithin(Arg{0}, {5, 7}), ArgBitsClear(Arg{2}, 4)}, ""};
  EXPECT_TRUE(Matches(rule, {SYS_read, {6, 0, 3}}));
  EXPECT_FALSE(Matches(rule, {SYS_read, {6, 0, 4}}));
  EXPECT_FALSE(Matches(rule, {SYS_read, {8, 0, 3}}));
  EXPECT_FALSE(Matches(rule, {SYS_write, {6, 0, 3}}));
}

TEST(Seccomp, AllChecksOfARuleMustHold) {
  const std::vector<SyscallRule> rules = {
      {SYS_getpriority, {ArgEquals(Arg{0}, 1), ArgAtLeast(Arg{1}, 2), ArgAtMost(Arg{1}, 4)}, ""}};
  EXPECT_EQ(TryCall(rules, 1, 3), kAllowed);
  EXPECT_EQ(TryCall(rules, 0, 3), -SIGSYS);
  EXPECT_EQ(TryCall(rules, 1, 1), -SIGSYS);
  EXPECT_EQ(TryCall(rules, 1, 5), -SIGSYS);
}

TEST(Seccomp, AnyOfSeveralRulesForOneCallPermitsIt) {
  const std::vector<SyscallRule> rules = {{SYS_getpriority, {ArgEquals(Arg{1}, 1)}, ""},
                                          {SYS_getpriority, {ArgEquals(Arg{1}, 9)}, ""}};
  EXPECT_EQ(TryCall(rules, 0, 1), kAllowed);
  EXPECT_EQ(TryCall(rules, 0, 9), kAllowed);
  EXPECT_EQ(TryCall(rules, 0, 5), -SIGSYS);
}

#if defined(__x86_64__)
TEST(Seccomp, CallsOfTheX32AbiNeverMatch) {
  constexpr long kX32 = 0x4000'0000;
  EXPECT_FALSE(BuildFilter(std::vector<SyscallRule>{{kX32 | SYS_getpriority, {}, ""}}).ok());
  const Result<FilterProgram> filter =
      BuildFilter(std::vector<SyscallRule>{{SYS_getppid, {}, ""}, {SYS_exit_group, {}, ""}});
  ASSERT_TRUE(filter.ok());
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !InstallFilter(*filter).ok()) _exit(1);
    (void)syscall(kX32 | SYS_getppid);
    (void)syscall(SYS_exit_group, kAllowed);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
}
#endif

TEST(Seccomp, TooManyRulesAreRefused) {
  const std::vector<SyscallRule> rules(FilterProgram::kInstructionsMax,
                                       {SYS_read, {ArgEquals(Arg{0}, 1)}, ""});
  EXPECT_FALSE(BuildFilter(rules).ok());
}

}  // namespace
}  // namespace summon::hypervisor
