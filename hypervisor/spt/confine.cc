// SPDX-License-Identifier: Apache-2.0
// Signals, the environment, and the tie to the launcher; see the header.
#include "hypervisor/spt/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/personality.h>
#include <unistd.h>

#include <cstring>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

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

Status ResetProcess() {
  // READ_IMPLIES_EXEC would make the guest's whole memory executable (personality(2)).
  if (personality(PER_LINUX) < 0) return ErrnoError("reset the personality", errno);
  return ResetSignals();
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
