// SPDX-License-Identifier: Apache-2.0
// Starting a monitor and waiting for what it says.
#include "benchmarks/common/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/control/packed_job.h"

namespace summon::benchmarks {

using hypervisor::OrderFrame;
using hypervisor::OrderKind;
using hypervisor::ReportFrame;
using hypervisor::ReportKind;
using hypervisor::Stage;

namespace {

constexpr Duration kLookAgain = std::chrono::microseconds(200);

// The state letter of /proc/PID/stat, once the process has become `program`.
char StateOf(int pid, std::string_view program) {
  std::ifstream stat(StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(stat, line);
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos || end + 2 >= line.size()) return '?';
  return line.find(StrCat("(", program, ")")) == std::string::npos ? '?' : line[end + 2];
}

template <typename Frame>
Bytes AsBytes(const Frame& frame) {
  // SAFETY: a trivially copyable frame, seen as bytes.
  return Bytes(reinterpret_cast<const std::uint8_t*>(&frame), sizeof frame);
}

}  // namespace

Result<std::unique_ptr<Monitor>> Monitor::Start(Stable& stable, const MonitorSpec& spec) {
  std::unique_ptr<Monitor> monitor(new Monitor(stable));
  monitor->kind_ = spec.kind;
  int console[2];
  if (pipe2(console, O_CLOEXEC) != 0) return ErrnoError("make console pipe", errno);
  monitor->console_ = UniqueFd(console[0]);
  monitor->console_end_ = UniqueFd(console[1]);
  if (fcntl(console[0], F_SETFL, O_NONBLOCK) != 0) return ErrnoError("set up console", errno);

  const bool is_kvm = spec.kind == launcher::Kind::kKvm;
  launcher::SpawnSpec spawn{
      .program = StrCat(stable.monitor_dir, is_kvm ? "/summon-monitor" : "/summon-spt"),
      .arguments = {}};
  UniqueFd kvm;
  if (is_kvm && spec.machine == Machine::kMade) {
    kvm = UniqueFd(open(stable.kvm_path.c_str(), O_RDWR | O_CLOEXEC));
    if (!kvm.valid()) return ErrnoError(StrCat("open ", stable.kvm_path), errno);
    spawn.kvm_fd = kvm.get();
    spawn.arguments.push_back(StrCat("--kvm-fd=", launcher::kMonitorKvmFd));
    spawn.arguments.push_back(StrCat("--guest-mode=", spec.guest_mode));
  }
  if (geteuid() == 0) {
    monitor->uid_ = stable.uids.Take();
    if (!monitor->uid_) return Error(ErrorCode::kExhausted, "no user id is left for a monitor");
    spawn.arguments.push_back(StrCat("--uid=", *monitor->uid_));
  }
  monitor->spawned_ = SUMMON_TRY(launcher::SpawnMonitor(spawn));
  return monitor;
}

Monitor::~Monitor() {
  if (spawned_.pid > 0) {
    (void)kill(spawned_.pid, SIGKILL);
    while (waitpid(spawned_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (uid_) stable_.uids.GiveBack(*uid_);
}

Status Monitor::Readable(int fd) {
  pollfd wanted{fd, POLLIN, 0};
  const int found = poll(&wanted, 1, static_cast<int>(kPatience / std::chrono::milliseconds(1)));
  if (found > 0) return Ok();
  return found == 0 ? Error(ErrorCode::kTimeout, "the monitor says nothing")
                    : ErrnoError("wait for the monitor", errno);
}

Status Monitor::ReceiveReports() {
  constexpr std::size_t kMost = hypervisor::kReportPacketBytesMax;
  auto packet = SUMMON_TRY(ReceivePacket(spawned_.control.get(), kMost));
  if (!packet) {
    SUMMON_TRY(Readable(spawned_.control.get()));
    packet = SUMMON_TRY(ReceivePacket(spawned_.control.get(), kMost));
  }
  if (!packet || packet->bytes.empty() || packet->bytes.size() % sizeof(ReportFrame) != 0) {
    return Error(ErrorCode::kInvalid, "the monitor sent something that is no report");
  }
  ByteReader reports(packet->bytes);
  while (reports.remaining() > 0) received_.push_back(*reports.Read<ReportFrame>());
  return Ok();
}

Result<ReportFrame> Monitor::NextReport() {
  if (received_.empty()) SUMMON_TRY(ReceiveReports());
  const ReportFrame report = received_.front();
  received_.pop_front();
  if (report.kind == ReportKind::kStage) {
    stages_.insert_or_assign(report.stage, InstantFromNanos(report.at_nanos));
  }
  return report;
}

Status Monitor::AwaitWaiting() {
  if (kind_ == launcher::Kind::kKvm) {
    (void)SUMMON_TRY(Await(ReportKind::kPrepared));
    return Ok();
  }
  const SystemClock clock;
  const Instant deadline = clock.Now() + kPatience;
  while (StateOf(pid(), "summon-spt") != 'S') {
    if (clock.Now() > deadline) return Error(ErrorCode::kTimeout, "summon-spt does not wait");
    std::this_thread::sleep_for(kLookAgain);
  }
  return Ok();
}

Status Monitor::Give(const hypervisor::JobFrame& frame, std::span<const int> fds) {
  std::vector<int> all(fds.begin(), fds.end());
  all.insert(all.begin() + 1, console_end_.get());
  return SendPacket(spawned_.control.get(), hypervisor::PackJob(frame), all);
}

Status Monitor::Order(OrderKind kind) {
  const OrderFrame order{
      .magic = hypervisor::kProtocolMagic, .version = hypervisor::kProtocolVersion, .kind = kind};
  return SendPacket(spawned_.control.get(), AsBytes(order));
}

Result<ReportFrame> Monitor::Await(ReportKind kind) {
  for (;;) {
    ReportFrame report = SUMMON_TRY(NextReport());
    if (report.kind == kind) return report;
    if (report.kind == ReportKind::kEnd) {
      report.detail[sizeof report.detail - 1] = '\0';
      return Error(ErrorCode::kUnavailable,
                   StrCat("the monitor ended (reason ", static_cast<unsigned>(report.reason),
                          "): ", report.detail));
    }
  }
}

Status Monitor::AwaitStage(Stage stage) {
  while (!stages_.contains(stage)) {
    const ReportFrame report = SUMMON_TRY(NextReport());
    if (report.kind == ReportKind::kEnd) {
      return Error(ErrorCode::kUnavailable, "the guest ended early");
    }
  }
  return Ok();
}

Result<Instant> Monitor::AwaitConsole() {
  SUMMON_TRY(Readable(console_.get()));
  const Instant now = SystemClock().Now();
  char text[4096];
  while (read(console_.get(), text, sizeof text) > 0) {
  }
  return now;
}

Result<Instant> Monitor::AwaitEnd() {
  SUMMON_TRY(Readable(spawned_.pidfd.get()));
  const Instant now = SystemClock().Now();
  Listen();
  return now;
}

void Monitor::Listen() {
  for (;;) {
    pollfd waiting{spawned_.control.get(), POLLIN, 0};
    if (poll(&waiting, 1, 0) != 1 || (waiting.revents & POLLIN) == 0) return;
    if (!NextReport().ok()) return;  // the end of the stream
  }
}

Status Monitor::Pause() {
  if (kill(pid(), SIGSTOP) != 0) return ErrnoError("stop a monitor", errno);
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid()), &info, WSTOPPED) != 0) {
    return ErrnoError("wait until a monitor has stopped", errno);
  }
  return Ok();
}

void Monitor::Continue() { (void)kill(pid(), SIGCONT); }  // our child: it exists

std::optional<Instant> Monitor::Reached(Stage stage) const {
  const auto found = stages_.find(stage);
  if (found == stages_.end()) return std::nullopt;
  return found->second;
}

Result<std::string> FindGuestMode(Stable& stable) {
  const auto monitor = SUMMON_TRY(Monitor::Start(stable, {.guest_mode = "auto"}));
  const ReportFrame prepared = SUMMON_TRY(monitor->Await(ReportKind::kPrepared));
  const bool ring0 = prepared.guest_mode == hypervisor::GuestModeCode::kRing0;
  return std::string(ring0 ? "ring0" : "ring3");
}

}  // namespace summon::benchmarks
