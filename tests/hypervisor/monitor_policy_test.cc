// SPDX-License-Identifier: Apache-2.0
// What the monitor's filter lets through of a core file: tried by the kernel itself, in a child.
#include "hypervisor/sandbox/monitor_policy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace summon::hypervisor {
namespace {

constexpr int kAllowed = 42;  // the child's exit status when the call went through
constexpr std::uint64_t kIoctls[] = {0};

enum class Call { kPwrite, kWrite, kFtruncate };

// What becomes of a child under the policy for `needs` that makes `call` on `fd`: kAllowed, or
// minus the signal that ended it. Whether the call succeeds does not matter.
int Try(const MonitorNeeds& needs, Call call, int fd) {
  const Result<FilterProgram> filter = BuildFilter(MonitorPolicy::Running(needs).rules());
  EXPECT_TRUE(filter.ok());
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
    if (!InstallFilter(*filter).ok()) _exit(2);
    switch (call) {
      case Call::kPwrite: (void)syscall(SYS_pwrite64, fd, "x", 0, 0); break;
      case Call::kWrite: (void)syscall(SYS_write, fd, "x", 0); break;
      case Call::kFtruncate: (void)syscall(SYS_ftruncate, fd, 0); break;
    }
    (void)syscall(SYS_exit_group, kAllowed);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

enum class Core { kNone, kAsked };
MonitorNeeds Needs(Core core) {
  MonitorNeeds needs;
  needs.vcpu_ioctls = kIoctls;
  needs.core_file = core == Core::kAsked;
  return needs;
}

TEST(MonitorPolicy, CoreFileIsWrittenAtPlacesOnlyWhenItWasAskedFor) {
  EXPECT_EQ(Try(Needs(Core::kAsked), Call::kPwrite, kCoreFd), kAllowed);
  EXPECT_EQ(Try(Needs(Core::kNone), Call::kPwrite, kCoreFd), -SIGSYS);
}

TEST(MonitorPolicy, CoreFilesRuleIsOfOneDescriptorAndOneCall) {
  EXPECT_EQ(Try(Needs(Core::kAsked), Call::kPwrite, kCoreFd + 1), -SIGSYS);
  EXPECT_EQ(Try(Needs(Core::kAsked), Call::kPwrite, kConsoleFd), -SIGSYS);
  EXPECT_EQ(Try(Needs(Core::kAsked), Call::kWrite, kCoreFd), -SIGSYS);
  EXPECT_EQ(Try(Needs(Core::kAsked), Call::kFtruncate, kCoreFd), -SIGSYS);
}

}  // namespace
}  // namespace summon::hypervisor
