// SPDX-License-Identifier: Apache-2.0
// Privileges, descriptors, and the tie to the launcher; see the header.
#include "hypervisor/spt/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

// Descriptors exist up to this number at most: a job brings 66, and a few are ours.
constexpr rlim_t kDescriptorsMax = 128;

Status SetLimit(__rlimit_resource resource, rlim_t value, const char* name) {
  rlimit limit = {};
  if (getrlimit(resource, &limit) != 0) return ErrnoError(StrCat("read limit ", name), errno);
  limit.rlim_max = std::min(limit.rlim_max, value);  // never raised: that needs a privilege
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(resource, &limit) != 0) return ErrnoError(StrCat("set limit ", name), errno);
  return Ok();
}

Status SetLimits() {
  SUMMON_TRY(SetLimit(RLIMIT_CORE, 0, "core"));
  SUMMON_TRY(SetLimit(RLIMIT_NOFILE, kDescriptorsMax, "nofile"));
  SUMMON_TRY(SetLimit(RLIMIT_NPROC, 0, "nproc"));
  SUMMON_TRY(SetLimit(RLIMIT_MEMLOCK, 0, "memlock"));
  SUMMON_TRY(SetLimit(RLIMIT_MSGQUEUE, 0, "msgqueue"));
  return Ok();
}

Status DropUser(std::uint32_t uid) {
  if (geteuid() != 0) return Ok();  // the starter's user is not root: nothing to give up
  if (setgroups(0, nullptr) != 0) return ErrnoError("drop supplementary groups", errno);
  if (setresgid(uid, uid, uid) != 0) return ErrnoError(StrCat("become group ", uid), errno);
  if (setresuid(uid, uid, uid) != 0) return ErrnoError(StrCat("become user ", uid), errno);
  return Ok();
}

Status DropCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) return ErrnoError("drop capabilities", errno);
  return Ok();
}

// Whatever the starter blocked or ignored: faults must end the process, and a console that nobody
// reads must not.
Status ResetSignals() {
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return ErrnoError("unblock signals", errno);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGTERM}) {
    if (signal(number, SIG_DFL) == SIG_ERR) return ErrnoError("reset signals", errno);
  }
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return ErrnoError("ignore SIGPIPE", errno);
  return Ok();
}

}  // namespace

Status GiveUpPrivileges(std::optional<std::uint32_t> uid) {
  SUMMON_TRY(ResetSignals());
  // READ_IMPLIES_EXEC would make the guest's whole memory executable (personality(2)).
  if (personality(PER_LINUX) < 0) return ErrnoError("reset the personality", errno);
  SUMMON_TRY(SetLimits());
  if (uid) SUMMON_TRY(DropUser(*uid));
  SUMMON_TRY(DropCapabilities());
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError("set no_new_privs", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoError("clear dumpable", errno);
  return Ok();
}

void ForgetEnvironment() {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    explicit_bzero(*variable, std::strlen(*variable));
  }
}

Status MakeBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return ErrnoError(StrCat("make descriptor ", fd, " block"), errno);
  }
  return Ok();
}

Status CloseOthers(std::span<const int> kept) {
  std::vector<int> sorted(kept.begin(), kept.end());
  std::sort(sorted.begin(), sorted.end());
  unsigned next = 0;
  for (const int fd : sorted) {
    const auto keep = static_cast<unsigned>(fd);
    if (keep > next && syscall(SYS_close_range, next, keep - 1, 0) != 0) {
      return ErrnoError(StrCat("close descriptors ", next, "..", keep - 1), errno);
    }
    next = std::max(next, keep + 1);
  }
  if (syscall(SYS_close_range, next, ~0u, 0) != 0) {
    return ErrnoError(StrCat("close descriptors from ", next), errno);
  }
  return Ok();
}

Status KillWithPeer(int control_fd) {
  if (fcntl(control_fd, F_SETOWN, getpid()) != 0 || fcntl(control_fd, F_SETSIG, SIGKILL) != 0) {
    return ErrnoError("ask for a signal when the launcher goes", errno);
  }
  const int flags = fcntl(control_fd, F_GETFL);
  if (flags < 0 || fcntl(control_fd, F_SETFL, flags | O_ASYNC) != 0) {
    return ErrnoError("ask for a signal when the launcher goes", errno);
  }
  // It may have gone before the signal was asked for.
  pollfd peer = {control_fd, POLLIN | POLLRDHUP, 0};
  if (poll(&peer, 1, 0) != 0) {
    return Error(ErrorCode::kUnavailable, "the launcher is gone");
  }
  return Ok();
}

}  // namespace summon::hypervisor
