// SPDX-License-Identifier: Apache-2.0
// Starting and ending programs; see the header.
#include "tests/testbed/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::testbed {

namespace {

int StatusOf(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Forks and executes with stdout and stderr on `output`. SIGPIPE and the like as a shell has it.
Result<pid_t> Spawn(int namespace_fd, const Arguments& arguments, int output) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return ErrnoError("fork", errno);
  if (pid > 0) return pid;
  const int nothing = open("/dev/null", O_RDONLY);
  if (namespace_fd >= 0 && setns(namespace_fd, CLONE_NEWNET) != 0) _exit(127);
  (void)dup2(nothing, 0);
  (void)dup2(output, 1);
  (void)dup2(output, 2);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

Result<Finished> FinishIn(int namespace_fd, const Arguments& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("make pipe", errno);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t pid = SUMMON_TRY(Spawn(namespace_fd, arguments, writer.get()));
  writer.Reset();
  Finished finished;
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  while ((got = read(reader.get(), buffer.data(), buffer.size())) > 0) {
    finished.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  finished.exit_status = StatusOf(status);
  return finished;
}

Result<std::string> RunIn(int namespace_fd, const Arguments& arguments) {
  Finished finished = SUMMON_TRY(FinishIn(namespace_fd, arguments));
  if (finished.exit_status != 0) {
    std::string command;
    for (const std::string& argument : arguments) command += argument + ' ';
    return Error(ErrorCode::kIo,
                 StrCat(command, "ended with ", finished.exit_status, ": ", finished.output));
  }
  return std::move(finished.output);
}

Result<std::unique_ptr<Daemon>> Daemon::Start(int namespace_fd, const Arguments& arguments,
                                              const std::string& log_path) {
  UniqueFd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log.valid()) return ErrnoError(StrCat("open ", log_path), errno);
  const pid_t pid = SUMMON_TRY(Spawn(namespace_fd, arguments, log.get()));
  return std::unique_ptr<Daemon>(new Daemon(pid, log_path));
}

Daemon::~Daemon() {
  if (!Running()) return;
  Signal(SIGKILL);
  (void)AwaitEnd(std::chrono::seconds(10));
}

bool Daemon::Running() {
  if (ended_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) ended_ = StatusOf(status);
  return !ended_;
}

void Daemon::Signal(int number) {
  if (Running()) (void)kill(pid_, number);
}

std::optional<int> Daemon::AwaitEnd(Duration patience) {
  const SystemClock clock;
  const Instant deadline = clock.Now() + patience;
  while (Running() && clock.Now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return ended_;
}

std::string Daemon::Log() const {
  std::ifstream file(log_path_);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::size_t Daemon::OpenDescriptors() const {
  std::size_t count = 0;
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator(StrCat("/proc/", pid_, "/fd"), gone)) {
    (void)entry;
    ++count;
  }
  return count;
}

std::size_t Daemon::ResidentKib() const {
  std::ifstream file(StrCat("/proc/", pid_, "/status"));
  std::string word;
  while (file >> word) {
    std::size_t value = 0;
    if (word == "VmRSS:" && file >> value) return value;
  }
  return 0;
}

Duration Daemon::ProcessorTime() const {
  std::ifstream file(StrCat("/proc/", pid_, "/stat"));
  const std::string stat(std::istreambuf_iterator<char>(file), {});
  // proc(5): fields 14 and 15, in clock ticks; the second field ends with the last parenthesis.
  constexpr std::size_t kUserAt = 14 - 2;
  const std::vector<std::string_view> fields =
      Split(std::string_view(stat).substr(stat.rfind(')') + 1), ' ');
  if (fields.size() <= kUserAt + 1) return {};
  const auto ticks = ParseUnsigned(fields[kUserAt]).value_or(0) +
                     ParseUnsigned(fields[kUserAt + 1]).value_or(0);
  return std::chrono::milliseconds(ticks * 1000 / static_cast<unsigned long>(sysconf(_SC_CLK_TCK)));
}

Status Daemon::LimitDescriptors(std::size_t count) {
  rlimit limit{};
  if (prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit) != 0) return ErrnoError("read limit", errno);
  limit.rlim_cur = count;
  if (prlimit(pid_, RLIMIT_NOFILE, &limit, nullptr) != 0) return ErrnoError("set limit", errno);
  return Ok();
}

std::string ProgramPath(const std::string& name) {
  return (std::filesystem::path(SUMMON_BUILD_DIR) / "bin" / name).string();
}

std::string TestPath(const std::string& name) {
  return (std::filesystem::path(SUMMON_BUILD_DIR) / "tests" / name).string();
}

std::string GuestPath(const std::string& file_name) {
  return (std::filesystem::path(SUMMON_BUILD_DIR) / "guests" / file_name).string();
}

ScratchFolder::ScratchFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "summon-XXXXXX").string();
  SUMMON_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
  // Daemons that are not root read in it, too.
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // a folder that is left in /tmp is no reason to fail a test
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::Write(const std::string& name, const std::string& content) const {
  const std::string file = path_ + "/" + name;
  std::ofstream(file, std::ios::binary) << content;
  return file;
}

}  // namespace summon::testbed
