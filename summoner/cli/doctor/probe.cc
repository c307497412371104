// SPDX-License-Identifier: Apache-2.0
// Starting the probe with /dev/kvm and reading its line.
#include "summoner/cli/doctor/probe.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::cli {

namespace {

constexpr int kKvmFd = 4;  // the monitor refuses the number of its control socket

// Reads to the end, as far as it fits: the line is short.
std::string ReadAll(int fd) {
  char text[1024];
  std::size_t size = 0;
  while (size < sizeof text) {
    const ssize_t now = read(fd, text + size, sizeof text - size);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) break;
    size += static_cast<std::size_t>(now);
  }
  std::string all(text, size);
  while (!all.empty() && all.back() == '\n') all.pop_back();
  return all;
}

}  // namespace

ProbeFacts RunProbe(const ProbeOrder& order) {
  ProbeFacts failed;
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
    failed.error = StrCat("create pipe: ", std::strerror(errno));
    return failed;
  }
  const UniqueFd reader(pipe_fds[0]);
  UniqueFd writer(pipe_fds[1]);
  posix_spawn_file_actions_t actions;
  (void)posix_spawn_file_actions_init(&actions);  // glibc: never fails; the others: ENOMEM only
  (void)posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  (void)posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
  (void)posix_spawn_file_actions_addopen(&actions, kKvmFd, order.kvm.c_str(), O_RDWR, 0);
  std::string program = order.program;
  std::string probe = "--probe";
  std::string kvm = StrCat("--kvm-fd=", kKvmFd);
  char* const argv[] = {program.data(), probe.data(), kvm.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = 0;
  const int spawned =
      posix_spawn(&pid, program.c_str(), &actions, nullptr, argv, environment);
  (void)posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) {
    failed.error = StrCat("start ", program, ": ", std::strerror(spawned));
    return failed;
  }
  writer.Reset();
  const std::string said = ReadAll(reader.get());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ParseProbeLine(said);
  failed.error = said.empty() ? StrCat("it ended with wait status ", status) : said;
  return failed;
}

}  // namespace summon::cli
