// SPDX-License-Identifier: Apache-2.0
// A monitor that runs no guest: it speaks the control protocol and then does what its command
// line says, such as dying at a stage or sending nonsense. For tests of what a launcher makes of
// monitors that fail.
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string_view>

#include "base/seqpacket.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {
namespace {

void SendFrame(const ReportFrame& frame) {
  (void)!send(kControlFd, &frame, sizeof frame, MSG_NOSIGNAL);  // the starter may be gone
}

ReportFrame NewFrame(ReportKind kind) {
  ReportFrame frame{};
  frame.magic = kProtocolMagic;
  frame.version = kProtocolVersion;
  frame.kind = kind;
  return frame;
}

void SendStage(Stage stage) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  ReportFrame frame = NewFrame(ReportKind::kStage);
  frame.stage = stage;
  frame.at_nanos = now.tv_sec * 1'000'000'000 + now.tv_nsec;
  SendFrame(frame);
}

[[noreturn]] void End(EndReason reason, std::string_view detail) {
  ReportFrame frame = NewFrame(ReportKind::kEnd);
  frame.reason = reason;
  std::memcpy(frame.detail, detail.data(), detail.size());
  SendFrame(frame);
  _exit(0);
}

void SendStagesUpTo(Stage last) {
  for (auto stage = static_cast<std::uint32_t>(Stage::kAssigned);
       stage <= static_cast<std::uint32_t>(last); ++stage) {
    SendStage(static_cast<Stage>(stage));
  }
}

[[noreturn]] void Stay() {
  while (true) pause();
}

[[noreturn]] void Act(std::string_view act) {
  if (act == "die_at_once") raise(SIGKILL);
  if (act == "die_assigned") {
    SendStagesUpTo(Stage::kAssigned);
    (void)!write(STDERR_FILENO, "out of luck\n", 12);
    _exit(7);
  }
  if (act == "die_running") {
    SendStagesUpTo(Stage::kRunning);
    (void)signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it instead of dying of it
    raise(SIGSEGV);
  }
  if (act == "forbidden") {
    SendStagesUpTo(Stage::kRunning);
    raise(SIGSYS);
  }
  if (act == "exit_3") {
    SendStagesUpTo(Stage::kRunning);
    _exit(3);
  }
  if (act == "garbage") {
    SendStagesUpTo(Stage::kLoaded);
    ReportFrame frame = NewFrame(ReportKind::kStage);
    frame.magic = 0xdeadbeef;
    SendFrame(frame);
    Stay();
  }
  if (act == "short") (void)!send(kControlFd, "?", 1, 0);
  if (act == "long") {
    const char bytes[4 * sizeof(ReportFrame)] = {};
    (void)!send(kControlFd, bytes, sizeof bytes, 0);
  }
  if (act == "ready_twice") {
    SendStagesUpTo(Stage::kReady);
    SendStage(Stage::kReady);
  }
  if (act == "ready_first") SendStage(Stage::kReady);
  if (act == "flood") {
    while (true) SendStage(Stage::kAssigned);
  }
  if (act == "close_control") close(kControlFd);
  if (act == "host_fault") End(EndReason::kHostFault, "no\nluck");
  if (act == "odd_reason") End(static_cast<EndReason>(99), "");
  if (act == "future") {
    ReportFrame frame = NewFrame(ReportKind::kStage);
    frame.stage = Stage::kAssigned;
    frame.at_nanos = INT64_MAX;
    SendFrame(frame);
  }
  if (act == "good") SendStagesUpTo(Stage::kReady);
  Stay();
}

int Run() {
  auto received = ReceivePacket(kControlFd, sizeof(JobFrame));
  if (!received.ok() || !received->has_value()) return 0;
  const auto job = std::make_unique<JobFrame>();
  std::memcpy(job.get(), (*received)->bytes.data(), (*received)->bytes.size());
  if ((job->flags & kJobCheckOnly) != 0) End(EndReason::kHalted, "");
  Act(job->command_line);
}

}  // namespace
}  // namespace summon::hypervisor

int main() { return summon::hypervisor::Run(); }
