// SPDX-License-Identifier: Apache-2.0
// posix_spawn, a pipe and a pidfd.
#include "benchmarks/common/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::benchmarks {

namespace {

// Owns a child: it is gone when this is.
class Child final {
 public:
  explicit Child(pid_t pid)
      : pid_(pid), pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}
  ~Child() {
    if (pid_ < 0) return;
    (void)kill(pid_, SIGKILL);
    (void)Reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int pidfd() const { return pidfd_.get(); }
  int Reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};

Result<pid_t> Spawn(const std::vector<std::string>& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return ErrnoError(StrCat("start ", command.front()), failed);
  return pid;
}

Error Silent(const std::vector<std::string>& command, int status) {
  std::string line;
  for (const std::string& word : command) line += word + ' ';
  return Error(ErrorCode::kIo, StrCat("printed nothing and ended with ", status, ": ", line,
                                      "(run it by hand to see why)"));
}

}  // namespace

Result<ProgramTimes> TimeProgram(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return ErrnoError("make pipe", errno);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  (void)fcntl(writer.get(), F_SETFL, 0);  // programs expect an output that blocks
  const SystemClock clock;
  const Instant started = clock.Now();
  Child child(SUMMON_TRY(Spawn(command, writer.get())));
  writer.Reset();
  ProgramTimes times;
  pollfd wanted[] = {{reader.get(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}};
  while (wanted[1].revents == 0) {
    const Duration left = started + kProgramPatience - clock.Now();
    if (left <= Duration::zero()) {
      return Error(ErrorCode::kTimeout, StrCat(command.front(), " did not end"));
    }
    (void)poll(wanted, 2, static_cast<int>(left / std::chrono::milliseconds(1)) + 1);
    const Instant now = clock.Now();
    if ((wanted[0].revents & POLLIN) != 0) {
      if (times.first_byte == Duration::zero()) times.first_byte = now - started;
      char text[4096];
      (void)!read(reader.get(), text, sizeof text);  // what it says does not matter
    } else if (wanted[0].revents != 0) {
      wanted[0].fd = -1;  // it has closed its output; only its end is awaited
    }
    if (wanted[1].revents != 0) times.exit = now - started;
  }
  times.exit_status = child.Reap();
  if (times.first_byte == Duration::zero()) return Silent(command, times.exit_status);
  return times;
}

}  // namespace summon::benchmarks
