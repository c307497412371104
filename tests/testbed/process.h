// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starting real programs for tests, in a namespace, with their output kept.

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace summon::testbed {

using Arguments = std::vector<std::string>;

// Runs a program to its end in a network namespace (-1: this one). The value is what it printed
// on stdout and stderr. Errors: kIo with its output when its exit status is not 0.
Result<std::string> RunIn(int namespace_fd, const Arguments& arguments);

// The same without judging the exit status.
struct Finished {
  int exit_status = 0;  // 128 + signal when a signal ended it
  std::string output;   // stdout and stderr
};
Result<Finished> FinishIn(int namespace_fd, const Arguments& arguments);

// A program that runs until told otherwise. The destructor ends it (SIGKILL) and reaps it.
class Daemon final {
 public:
  // Output goes to `log_path`, appended.
  static Result<std::unique_ptr<Daemon>> Start(int namespace_fd, const Arguments& arguments,
                                               const std::string& log_path);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int number);
  // Waits for its end; nothing when it still runs after `patience`. 128 + signal as above.
  std::optional<int> AwaitEnd(Duration patience);
  std::string Log() const;

  // Open descriptors of the process, its resident memory.
  std::size_t OpenDescriptors() const;
  std::size_t ResidentKib() const;
  // Processor time that all its threads have used so far.
  Duration ProcessorTime() const;
  // The number that its descriptors have to stay below from now on (RLIMIT_NOFILE, soft). For a
  // process of our own user.
  Status LimitDescriptors(std::size_t count);

 private:
  Daemon(pid_t pid, std::string log_path) : pid_(pid), log_path_(std::move(log_path)) {}
  const pid_t pid_;
  const std::string log_path_;
  std::optional<int> ended_;
};

// Where the programs of this build are: <build>/bin, guests: <build>/guests, programs that only
// tests have: <build>/tests.
std::string ProgramPath(const std::string& name);
std::string TestPath(const std::string& name);
std::string GuestPath(const std::string& file_name);

// A new empty folder that is removed with everything in it when this ends.
class ScratchFolder final {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  // Writes a file in it and returns its path.
  std::string Write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace summon::testbed
