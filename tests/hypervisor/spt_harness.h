// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starts the real summon-spt with a job, as a launcher does, and collects what it says.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

// What the process runs on: this kernel, or what an older one would answer.
enum class SptKernel {
  kThisOne,
  kWithoutDispatch,  // before Linux 5.11: no Syscall User Dispatch
};

// How the process ended.
struct SptExit {
  std::optional<int> status;  // exited
  std::optional<int> signal;  // killed
};

class SptProcess final {
 public:
  // Starts summon-spt with `arguments`; aborts the test program when that fails.
  explicit SptProcess(std::vector<std::string> arguments = {},
                      SptKernel kernel = SptKernel::kThisOne);
  ~SptProcess();  // kills and reaps it
  SptProcess(const SptProcess&) = delete;
  SptProcess& operator=(const SptProcess&) = delete;

  // A job for `image` without devices; 4 MiB of memory.
  static JobFrame Job();
  // Adds a device to `frame`.
  static void AddNet(JobFrame& frame, const char* name);
  static void AddBlock(JobFrame& frame, const char* name, std::uint64_t capacity);

  // Sends the job; `devices` are borrowed, in the frame's order.
  void Send(const JobFrame& frame, const std::vector<std::uint8_t>& image,
            const std::vector<int>& devices = {});
  // Sends raw bytes without descriptors.
  void SendBytes(const std::vector<std::uint8_t>& bytes);

  // The next report, or nothing when the process is gone (or silent for kPatience).
  std::optional<ReportFrame> NextReport();
  // The stage of the next report; nothing when it is an end report or none comes.
  std::optional<Stage> NextStage();
  // Closes our end of the control socket.
  void HangUp();
  // Waits for the end. Neither status nor signal when it does not come within kPatience.
  SptExit Wait();
  // What the guest printed until now.
  std::string Console();
  int pid() const { return pid_; }

  static constexpr int kPatienceMs = 10'000;

 private:
  int pid_ = -1;
  UniqueFd control_;
  UniqueFd console_read_;
  UniqueFd console_write_;
};

}  // namespace summon::hypervisor
