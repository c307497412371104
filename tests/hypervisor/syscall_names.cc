// SPDX-License-Identifier: Apache-2.0
// Names of those calls that the allow-lists have.
#include "tests/hypervisor/syscall_names.h"

#include <sys/syscall.h>

#include "base/strings.h"
#include "hypervisor/kvm/ioctls.h"

namespace summon::hypervisor {

namespace {

struct Name {
  long number;
  const char* name;
};
constexpr Name kNames[] = {{SYS_ioctl, "ioctl"},
                           {SYS_read, "read"},
                           {SYS_write, "write"},
                           {SYS_ppoll, "ppoll"},
                           {SYS_pread64, "pread64"},
                           {SYS_pwrite64, "pwrite64"},
                           {SYS_sendto, "sendto"},
                           {SYS_recvfrom, "recvfrom"},
                           {SYS_recvmsg, "recvmsg"},
                           {SYS_clock_gettime, "clock_gettime"},
                           {SYS_exit_group, "exit_group"},
                           {SYS_fcntl, "fcntl"},
                           {SYS_dup3, "dup3"},
                           {SYS_close, "close"},
                           {SYS_close_range, "close_range"},
                           {SYS_lseek, "lseek"},
                           {SYS_fstat, "fstat"},
                           {SYS_ftruncate, "ftruncate"},
                           {SYS_mmap, "mmap"},
                           {SYS_mprotect, "mprotect"},
                           {SYS_munmap, "munmap"},
                           {SYS_madvise, "madvise"},
                           {SYS_brk, "brk"},
                           {SYS_prlimit64, "prlimit64"},
                           {SYS_prctl, "prctl"},
                           {SYS_seccomp, "seccomp"},
                           {SYS_epoll_ctl, "epoll_ctl"},
                           {SYS_epoll_pwait, "epoll_pwait"},
                           {SYS_timerfd_settime, "timerfd_settime"},
                           {SYS_rt_sigreturn, "rt_sigreturn"},
                           {SYS_rt_sigaction, "rt_sigaction"},
                           {SYS_rt_sigprocmask, "rt_sigprocmask"},
                           {SYS_sigaltstack, "sigaltstack"},
#if defined(__x86_64__)
                           {SYS_arch_prctl, "arch_prctl"},
#endif
};

}  // namespace

std::string SyscallName(long number) {
  for (const Name& known : kNames) {
    if (known.number == number) return known.name;
  }
  return StrCat("call ", number);
}

std::string RuleText(const SyscallRule& rule) {
  std::string text = SyscallName(rule.number);
  for (const ArgumentCheck& check : rule.checks) {
    const char* const request = rule.number == SYS_ioctl ? IoctlName(check.value) : "";
    if (*request != '\0') {
      text += StrCat(" ", request);
    } else if (check.test == ArgumentTest::kIs || check.test == ArgumentTest::kEqual) {
      text += StrCat(" ", static_cast<int>(check.index), "=", check.value);
    } else if (check.test == ArgumentTest::kWithin) {
      text += StrCat(" ", static_cast<int>(check.index), "=", check.value & 0xffff'ffff, "..",
                     check.value >> 32);
    } else if (check.test == ArgumentTest::kBitsClear) {
      text += StrCat(" ", static_cast<int>(check.index), " without ", Hex(check.value));
    }
  }
  return text;
}

}  // namespace summon::hypervisor
