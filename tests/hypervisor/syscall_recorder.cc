// SPDX-License-Identifier: Apache-2.0
// Runs a program and writes down which system calls it makes, and how many seccomp filters it had
// installed by then: a line for each new one, appended to $SUMMON_RECORD_FILE. Ends as the program
// does, and with it.
//
//   syscall_recorder PROGRAM ARGUMENT...
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "base/strings.h"

namespace summon {
namespace {

constexpr int kFailed = 124;

class Recorder {
 public:
  explicit Recorder(int file) : file_(file) {}

  // At each stop for a system call of `pid`.
  void Stopped(pid_t pid) {
    __ptrace_syscall_info info = {};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      number_ = static_cast<long>(info.entry.nr);
      Note(info);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.rval == 0) {
      if (number_ == SYS_seccomp) ++filters_;
      if (number_ == SYS_execve) filters_ = 0;
    }
  }

 private:
  void Note(const __ptrace_syscall_info& info) {
    std::string line = StrCat(filters_, " ", number_);
    for (const auto argument : info.entry.args) line += StrCat(" ", argument);
    if (!seen_.insert(line).second) return;
    line += '\n';
    if (write(file_, line.data(), line.size()) < 0) _exit(kFailed);
  }

  const int file_;
  int filters_ = 0;
  long number_ = -1;
  std::set<std::string> seen_;
};

int Follow(pid_t pid, int file) {
  Recorder recorder(file);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return kFailed;
  constexpr long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SETOPTIONS, pid, 0, kOptions) != 0) return kFailed;
  int deliver = 0;
  for (;;) {
    (void)ptrace(PTRACE_SYSCALL, pid, 0, deliver);  // it may have been killed
    if (waitpid(pid, &status, 0) != pid) return kFailed;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (WIFSIGNALED(status)) {
      (void)signal(WTERMSIG(status), SIG_DFL);
      (void)raise(WTERMSIG(status));
      return kFailed;
    }
    constexpr int kSyscallStop = SIGTRAP | 0x80;
    deliver = WSTOPSIG(status);
    if (deliver == kSyscallStop || deliver == SIGTRAP) {
      if (deliver == kSyscallStop) recorder.Stopped(pid);
      deliver = 0;
    }
  }
}

int Run(char** argv) {
  const char* const path = getenv("SUMMON_RECORD_FILE");
  if (path == nullptr || argv[1] == nullptr) return kFailed;
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return kFailed;
  const pid_t pid = fork();
  if (pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(kFailed);
    (void)raise(SIGSTOP);
    (void)execv(argv[1], argv + 1);
    _exit(kFailed);
  }
  // What the program was given is not ours: its peers must see when it lets go.
  const int kept = dup2(file, STDIN_FILENO) == 0 ? STDIN_FILENO : file;
  (void)close_range(STDERR_FILENO + 1, ~0u, 0);
  return Follow(pid, kept);
}

}  // namespace
}  // namespace summon

int main(int, char** argv) { return summon::Run(argv); }
