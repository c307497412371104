// SPDX-License-Identifier: Apache-2.0
// posix_spawn: glibc makes it clone(CLONE_VM | CLONE_VFORK), so our size does not matter.
#include "launcher/monitor/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/control/protocol.h"

namespace summon::launcher {

namespace {

// Descriptors to be placed at fixed low numbers are first moved above them, so that placing one
// never overwrites another.
constexpr int kAboveFixedFds = 16;
constexpr int kDiagnosticsPipeBytes = 4096;

Result<UniqueFd> MovedUp(int fd) {
  UniqueFd moved(fcntl(fd, F_DUPFD_CLOEXEC, kAboveFixedFds));
  if (!moved.valid()) return ErrnoError("duplicate descriptor", errno);
  return moved;
}

class FileActions {
 public:
  FileActions() { (void)posix_spawn_file_actions_init(&actions_); }  // glibc: never fails
  ~FileActions() { (void)posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  // The only failure of these is ENOMEM, which ends us anyway (std::bad_alloc elsewhere).
  void Place(int fd, int at) {
    SUMMON_CHECK(posix_spawn_file_actions_adddup2(&actions_, fd, at) == 0);
  }
  void OpenNull(int at, int flags) {
    SUMMON_CHECK(posix_spawn_file_actions_addopen(&actions_, at, "/dev/null", flags, 0) == 0);
  }
  void CloseFrom(int first) {
    SUMMON_CHECK(posix_spawn_file_actions_addclosefrom_np(&actions_, first) == 0);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() {
    (void)posix_spawnattr_init(&attributes_);  // glibc: never fails
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    (void)posix_spawnattr_setsigdefault(&attributes_, &all);
    (void)posix_spawnattr_setsigmask(&attributes_, &none);
    (void)posix_spawnattr_setpgroup(&attributes_, 0);
    (void)posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { (void)posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

void KillAndReap(int pid) {
  (void)kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Spawned> SpawnMonitor(const SpawnSpec& spec) {
  auto [ours, theirs] = SUMMON_TRY(SeqpacketPair(Blocking::kNo));
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) return ErrnoError("create pipe", errno);
  UniqueFd diagnostics(pipe_fds[0]);
  UniqueFd diagnostics_end(pipe_fds[1]);
  (void)fcntl(diagnostics.get(), F_SETPIPE_SZ, kDiagnosticsPipeBytes);  // else it is larger

  // The monitor blocks in its receive, so its end of the socket must block.
  const int flags = fcntl(theirs.get(), F_GETFL);
  if (flags < 0 || fcntl(theirs.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return ErrnoError("set up control socket", errno);
  }
  const UniqueFd control = SUMMON_TRY(MovedUp(theirs.get()));
  const UniqueFd standard_error = SUMMON_TRY(MovedUp(diagnostics_end.get()));
  UniqueFd kvm;
  if (spec.kvm_fd >= 0) kvm = SUMMON_TRY(MovedUp(spec.kvm_fd));

  std::vector<UniqueFd> namespaces;
  for (const int fd : spec.namespaces) namespaces.push_back(SUMMON_TRY(MovedUp(fd)));

  FileActions actions;
  actions.OpenNull(STDIN_FILENO, O_RDONLY);
  actions.OpenNull(STDOUT_FILENO, O_WRONLY);
  actions.Place(standard_error.get(), STDERR_FILENO);
  actions.Place(control.get(), hypervisor::kControlFd);
  if (kvm.valid()) actions.Place(kvm.get(), kMonitorKvmFd);
  int next = kvm.valid() ? kMonitorKvmFd + 1 : hypervisor::kControlFd + 1;
  for (std::size_t i = 0; i < namespaces.size(); ++i) {
    next = kMonitorNamespacesFd + static_cast<int>(i);
    actions.Place(namespaces[i].get(), next++);
  }
  actions.CloseFrom(next);

  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(spec.program.c_str()));
  for (const std::string& argument : spec.arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  char* const environment[] = {nullptr};

  const Attributes attributes;
  Spawned spawned;
  const int failed = posix_spawn(&spawned.pid, spec.program.c_str(), actions.get(),
                                 attributes.get(), argv.data(), environment);
  if (failed != 0) return ErrnoError(StrCat("start ", spec.program), failed);
  // Not racing with a reuse of the pid: it is our child and nobody has reaped it.
  spawned.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, spawned.pid, 0)));
  if (!spawned.pidfd.valid()) {
    const int open_errno = errno;
    KillAndReap(spawned.pid);
    return ErrnoError(StrCat("watch process of ", spec.program), open_errno);
  }
  spawned.control = std::move(ours);
  spawned.diagnostics = std::move(diagnostics);
  return spawned;
}

}  // namespace summon::launcher
