// SPDX-License-Identifier: Apache-2.0
// Descriptors, resources, signals.
#include "hypervisor/sandbox/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "base/strings.h"

namespace summon::hypervisor {

namespace {

// What a job can bring (a console, an image, KVM, 63 devices), twice over while they are moved to
// their places.
constexpr rlim_t kDescriptorsMax = 256;
// KVM makes helper threads inside the process that first runs a CPU (Linux 6.18 makes one; with a
// limit of 1 that fails with EAGAIN). They count for the user id, which another launcher on this
// host may have given to a monitor of its own: so the bound is more than one of them needs.
constexpr rlim_t kProcessesMax = 64;
// The deepest use is the building of a filter: some 100 KiB.
constexpr rlim_t kStackBytesMax = 512 * 1024;

Status Limit(int resource, rlim_t most, std::string_view name) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return ErrnoError(StrCat("read limit ", name), errno);
  }
  limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;  // never raised
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return ErrnoError(StrCat("set limit ", name), errno);
  }
  return Ok();
}

}  // namespace

Status CloseAllBut(std::span<const int> keep) {
  SUMMON_CHECK(keep.size() <= kKeepMax);
  unsigned next = 0;
  for (const int fd : keep) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept > next && close_range(next, kept - 1, 0) != 0) {
      return ErrnoError("close descriptors", errno);
    }
    next = kept + 1;
  }
  if (close_range(next, std::numeric_limits<unsigned>::max(), 0) != 0) {
    return ErrnoError("close descriptors", errno);
  }
  return Ok();
}

Status LimitResources(UserId user) {
  struct {
    int resource;
    rlim_t most;
    std::string_view name;
  } const limits[] = {
      {RLIMIT_CORE, 0, "CORE"},
      {RLIMIT_MEMLOCK, 0, "MEMLOCK"},
      {RLIMIT_MSGQUEUE, 0, "MSGQUEUE"},
      {RLIMIT_NOFILE, kDescriptorsMax, "NOFILE"},
      {RLIMIT_STACK, kStackBytesMax, "STACK"},
      // Not FSIZE: it would count writes to the guest's own block files and to a console file.
      // Not AS: once the guest runs, the system call filter permits no new mapping at all.
  };
  for (const auto& limit : limits) {
    if (Status set = Limit(limit.resource, limit.most, limit.name); !set.ok()) return set;
  }
  // It counts all processes of a user, so it would be another's limit for a shared id.
  return user == UserId::kOwn ? Limit(RLIMIT_NPROC, kProcessesMax, "NPROC") : Ok();
}

Status LimitToWhatIsThere(int first_free_fd) {
  if (Status set = Limit(RLIMIT_NOFILE, static_cast<rlim_t>(first_free_fd), "NOFILE"); !set.ok()) {
    return set;
  }
  // The machine has run once, so KVM's helper thread exists: none is needed from here on.
  return Limit(RLIMIT_NPROC, 0, "NPROC");
}

Status ResetProcess() {
  // READ_IMPLIES_EXEC would make the guest's whole memory executable (personality(2)).
  if (personality(PER_LINUX) < 0) return ErrnoError("reset the personality", errno);
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return ErrnoError("unblock signals", errno);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGTERM}) {
    if (signal(number, SIG_DFL) == SIG_ERR) return ErrnoError("reset signals", errno);
  }
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return ErrnoError("ignore SIGPIPE", errno);
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

Status OwnSignalsOf(int socket) {
  if (fcntl(socket, F_SETOWN, getpid()) != 0) return ErrnoError("own the control socket", errno);
  return Ok();
}

Status EndWithParent() {
  const pid_t parent = getppid();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    return ErrnoError("ask for a signal when the launcher goes", errno);
  }
  // It may have gone before: then the control socket's end says so.
  if (getppid() != parent) _exit(1);
  return Ok();
}

Status PrepareToEndWithPeer(int socket) {
  SUMMON_TRY(OwnSignalsOf(socket));
  if (fcntl(socket, F_SETSIG, SIGKILL) != 0) return ErrnoError("choose the last signal", errno);
  return Ok();
}

Status EndWithPeer(int socket) {
  const int flags = fcntl(socket, F_GETFL);
  if (flags < 0 || fcntl(socket, F_SETFL, flags | O_ASYNC) != 0) {
    return ErrnoError("watch the control socket", errno);
  }
  // It may have gone, or spoken, before we watched.
  pollfd peer = {socket, POLLIN | POLLRDHUP, 0};
  const timespec at_once = {};
  if (ppoll(&peer, 1, &at_once, nullptr) != 0) _exit(1);
  return Ok();
}

}  // namespace summon::hypervisor
