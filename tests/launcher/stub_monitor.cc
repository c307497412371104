// SPDX-License-Identifier: Apache-2.0
// A monitor that runs no guest: it speaks the control protocol and then does what its command
// line says, such as dying at a stage or sending nonsense. For tests of what a launcher makes of
// monitors that fail.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/seqpacket.h"
#include "hypervisor/control/packed_job.h"

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

// Whether an order waits.
int Poll() {
  pollfd control{kControlFd, POLLIN, 0};
  return poll(&control, 1, 0);
}

[[noreturn]] void Act(std::string_view act) {
  if (act == "die_at_once") raise(SIGKILL);
  // "good_after /path/": dies as long as there is no such folder, which it makes.
  constexpr std::string_view kGoodAfter = "good_after ";
  if (act.starts_with(kGoodAfter)) {
    const std::string folder(act.substr(kGoodAfter.size()));
    if (mkdir(folder.c_str(), 0700) == 0) raise(SIGKILL);
    act = "good";
  }
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

// What the whole life of a stub is about.
struct Job {
  std::unique_ptr<JobFrame> frame = std::make_unique<JobFrame>();
  std::vector<UniqueFd> fds;
  std::string_view act() const { return frame->command_line; }
  bool has(JobFlags flag) const { return (frame->flags & flag) != 0; }
  // Of the descriptor that `flag` brought.
  int fd(JobFlags flag) const {
    constexpr std::uint32_t kWithDescriptor =
        kJobHasKvm | kJobLayOut | kJobRestore | kJobSnapshots | kJobCoreFile;
    constexpr std::size_t kAfterConsole = 2;
    const int before = std::popcount(frame->flags & kWithDescriptor & (flag - 1u));
    return fds[kAfterConsole + static_cast<std::size_t>(before)].get();
  }
};

void WriteFile(int file, std::string_view text) {
  (void)!pwrite(file, text.data(), text.size(), 0);  // an empty file tells as well
}

std::optional<OrderFrame> NextOrder() {
  auto received = ReceivePacket(kControlFd, sizeof(OrderFrame));
  if (!received.ok() || !received->has_value()) return std::nullopt;
  OrderFrame order{};
  std::memcpy(&order, (*received)->bytes.data(), (*received)->bytes.size());
  return order;
}

void Answer(const Job& job, const OrderFrame& order) {
  const std::string_view act = job.act();
  if (order.kind == OrderKind::kPing && act != "deaf") {
    ReportFrame pong = NewFrame(ReportKind::kPong);
    pong.number = act == "wrong_pong" ? order.number + 1 : order.number;
    SendFrame(pong);
  }
  if (order.kind == OrderKind::kTakeSnapshot) {
    if (act == "no_snapshot") return;
    if (act == "die_snapshotting") raise(SIGKILL);
    WriteFile(job.fd(kJobSnapshots), act == "bad_snapshot" ? "bad" : "guest");
    ReportFrame end = NewFrame(ReportKind::kEnd);
    end.reason = EndReason::kSnapshotTaken;
    end.number = 4096;
    SendFrame(end);
    _exit(0);
  }
  if (order.kind == OrderKind::kGo && act == "again") {
    SendStage(Stage::kFirstPacketIn);
    SendStage(Stage::kFirstByteOut);
  }
}

// A guest that goes on from its snapshot.
void Restore(const Job& job) {
  char text[5] = {};
  (void)!pread(job.fd(kJobRestore), text, sizeof text, 0);
  if (std::string_view(text, sizeof text) != "guest") {
    End(EndReason::kSnapshotRejected, "this is no snapshot");
  }
  SendStagesUpTo(Stage::kLoaded);
  if (job.has(kJobHold)) {
    if (job.act() == "die_holding") raise(SIGKILL);
    if (job.act() == "never_held") Stay();
    SendFrame(NewFrame(ReportKind::kHeld));
    const auto order = NextOrder();
    if (!order) _exit(0);
    if (job.act() == "die_waking") raise(SIGKILL);
  }
  SendStage(Stage::kRunning);
  SendStage(Stage::kReady);
}

[[noreturn]] void RunKvm(const Job& job) {
  if (job.has(kJobRestore)) {
    Restore(job);
  } else if (job.act() == "held_unasked") {
    SendStagesUpTo(Stage::kLoaded);
    SendFrame(NewFrame(ReportKind::kHeld));
    Stay();
  } else if (job.act() == "again") {
    SendStagesUpTo(Stage::kFirstByteOut);
  } else {
    SendStagesUpTo(Stage::kReady);
  }
  if (job.act() == "deaf" || job.act() == "busy") {
    // Not asleep, as a guest that computes; "busy" looks at its orders all the same.
    while (true) {
      const auto received = job.act() == "busy" ? Poll() : 0;
      if (received > 0) {
        const auto order = NextOrder();
        if (!order) _exit(0);
        Answer(job, *order);
      }
    }
  }
  while (const auto order = NextOrder()) Answer(job, *order);
  _exit(0);
}

void SayPrepared(std::string_view mode) {
  ReportFrame frame = NewFrame(ReportKind::kPrepared);
  frame.number = 1'000'000'000;
  frame.guest_mode = mode == "ring3" ? GuestModeCode::kRing3 : GuestModeCode::kRing0;
  SendFrame(frame);
}

int Run(std::span<char* const> arguments) {
  bool kvm = false;
  std::string_view mode;
  for (const std::string_view argument : arguments) {
    kvm = kvm || argument.starts_with("--kvm-fd=");
    constexpr std::string_view kMode = "--guest-mode=";
    if (argument.starts_with(kMode)) mode = argument.substr(kMode.size());
  }
  if (kvm) SayPrepared(mode);
  auto received = ReceivePacket(kControlFd, sizeof(JobFrame));
  if (!received.ok() || !received->has_value()) return 0;
  Job job;
  if (!UnpackJob((*received)->bytes, *job.frame).ok()) return 1;
  job.fds = std::move((*received)->fds);
  if (job.has(kJobCheckOnly)) End(EndReason::kHalted, "");
  if (job.has(kJobLayOut)) {
    if (job.act() != "no_layout") WriteFile(job.fd(kJobLayOut), "layout");
    End(EndReason::kHalted, "");
  }
  if (job.has(kJobLaidOut)) RunKvm(job);
  Act(job.act());
}

}  // namespace
}  // namespace summon::hypervisor

int main(int argc, char** argv) {
  return summon::hypervisor::Run({argv, static_cast<std::size_t>(argc)});
}
