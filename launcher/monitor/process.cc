// SPDX-License-Identifier: Apache-2.0
// Watching one monitor process.
#include "launcher/monitor/process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/seqpacket.h"
#include "base/strings.h"

namespace summon::launcher {

using hypervisor::JobFrame;
using hypervisor::ReportFrame;
using hypervisor::ReportKind;

namespace {

constexpr std::size_t kDiagnosticsBytesMax = 512;

// SIGKILL by pidfd, so that a reused pid is never hit.
void KillByPidfd(int pidfd) {
  (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);  // ESRCH: gone already
}

}  // namespace

Result<std::unique_ptr<MonitorProcess>> MonitorProcess::Start(Loop& loop, const SpawnSpec& spec) {
  std::unique_ptr<MonitorProcess> process(
      new MonitorProcess(loop, SUMMON_TRY(SpawnMonitor(spec))));
  SUMMON_TRY(process->Watch());
  return process;
}

MonitorProcess::MonitorProcess(Loop& loop, Spawned spawned)
    : loop_(loop), spawned_(std::move(spawned)), started_(loop.Now()), last_stamp_(started_) {}

MonitorProcess::~MonitorProcess() {
  exit_watcher_.reset();
  control_watcher_.reset();
  if (!reaped_) {
    KillByPidfd(spawned_.pidfd.get());
    // By pid, which is still ours until it is reaped: the loop has made the pidfd non-blocking,
    // and waiting on it would not wait.
    while (waitpid(spawned_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (on_gone_) on_gone_();
}

Status MonitorProcess::Watch() {
  exit_watcher_ = SUMMON_TRY(FdWatcher::Create(loop_, spawned_.pidfd.get(),
                                               [this](FdWatcher::Ready) { Reap(); }));
  control_watcher_ = SUMMON_TRY(FdWatcher::Create(
      loop_, spawned_.control.get(), [this](FdWatcher::Ready) { ReadReports(); }));
  exit_watcher_->Watch(FdWatcher::Interest::kRead);
  control_watcher_->Watch(FdWatcher::Interest::kRead);
  return Ok();
}

void MonitorProcess::OnStage(std::function<void(hypervisor::Stage, Instant)> on_stage) {
  on_stage_ = std::move(on_stage);
}

void MonitorProcess::OnExit(std::function<void(const MonitorExit&)> on_exit) {
  on_exit_ = std::move(on_exit);
}

Status MonitorProcess::SendJob(const JobFrame& job, std::span<const int> fds) {
  last_stamp_ = loop_.Now();
  // SAFETY: JobFrame is trivially copyable; its bytes are what the protocol sends.
  SUMMON_TRY(SendPacket(spawned_.control.get(),
                        Bytes(reinterpret_cast<const std::uint8_t*>(&job), sizeof job), fds));
  // Afterwards, so that it is not on the way: a monitor without its guest needs no bound.
  if (group_ != nullptr) group_->LimitMemory(job.memory_bytes);
  return Ok();
}

void MonitorProcess::Kill() { KillByPidfd(spawned_.pidfd.get()); }

void MonitorProcess::ReadReports() {
  while (exit_.broken.empty()) {
    Result<std::optional<Packet>> received =
        ReceivePacket(spawned_.control.get(), sizeof(ReportFrame));
    if (!received.ok()) {
      control_watcher_.reset();
      if (received.error().code() == ErrorCode::kUnavailable) {
        // It closed its end: it is exiting, and a kill does not change the status of a process
        // that is. One that closes it and goes on is out of control.
        Kill();
      } else {
        Break(received.error().message());
      }
      return;
    }
    if (!received->has_value()) return;
    const Packet& packet = **received;
    if (packet.bytes.size() != sizeof(ReportFrame)) {
      return Break(StrCat("a report of ", packet.bytes.size(), " bytes; must be ",
                          sizeof(ReportFrame)));
    }
    TakeReport(*ByteReader(packet.bytes).Read<ReportFrame>());
  }
}

void MonitorProcess::TakeReport(const ReportFrame& report) {
  if (report.magic != hypervisor::kProtocolMagic ||
      report.version != hypervisor::kProtocolVersion) {
    return Break(StrCat("a report of protocol ", Hex(report.magic), " version ", report.version,
                        "; must be ", Hex(hypervisor::kProtocolMagic), " version ",
                        hypervisor::kProtocolVersion, " (are all programs of one release?)"));
  }
  if (++reports_ > kReportsMax) return Break("too many reports");
  if (exit_.end) return Break("a report after its end report");
  if (report.kind == ReportKind::kEnd) {
    exit_.end = report;
    exit_.end->detail[sizeof report.detail - 1] = '\0';
    return;
  }
  if (report.kind != ReportKind::kStage || report.stage < hypervisor::Stage::kAssigned ||
      report.stage > hypervisor::Stage::kFirstByteOut) {
    return Break("a report of a kind or stage that does not exist");
  }
  if (!Follows(report.stage)) return Break("stages twice or out of order");
  stages_seen_ |= 1u << static_cast<unsigned>(report.stage);
  if (report.stage == hypervisor::Stage::kRunning) exit_.guest_ran = true;
  const Instant at = std::clamp(InstantFromNanos(report.at_nanos), last_stamp_,
                                std::max(last_stamp_, loop_.Now()));
  last_stamp_ = at;
  if (on_stage_) on_stage_(report.stage, at);
}

bool MonitorProcess::Follows(hypervisor::Stage stage) const {
  const auto seen = [this](hypervisor::Stage other) {
    return (stages_seen_ & 1u << static_cast<unsigned>(other)) != 0;
  };
  if (seen(stage)) return false;
  // Up to the first instruction each stage needs the one before. After that the guest decides: it
  // may send or read before its first poll.
  if (stage == hypervisor::Stage::kAssigned) return stages_seen_ == 0;
  if (stage == hypervisor::Stage::kLoaded) return seen(hypervisor::Stage::kAssigned);
  if (stage == hypervisor::Stage::kRunning) return seen(hypervisor::Stage::kLoaded);
  return seen(hypervisor::Stage::kRunning);
}

void MonitorProcess::Break(std::string how) {
  exit_.broken = std::move(how);
  control_watcher_.reset();
  Kill();
}

void MonitorProcess::Reap() {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(spawned_.pidfd.get()), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return;  // EINTR or not yet: the pidfd stays readable
  }
  reaped_ = true;
  exit_watcher_.reset();
  // Its last reports may still wait in the socket.
  if (control_watcher_ != nullptr) ReadReports();
  control_watcher_.reset();
  exit_.signalled = info.si_code != CLD_EXITED;
  exit_.code = info.si_status;
  exit_.diagnostics = ReadDiagnostics();
  const auto on_exit = std::move(on_exit_);
  const MonitorExit exit = std::move(exit_);
  if (on_exit) on_exit(exit);  // may destroy this object
}

std::string MonitorProcess::ReadDiagnostics() {
  char text[4096];
  const ssize_t size = read(spawned_.diagnostics.get(), text, sizeof text);
  if (size <= 0) return {};
  std::string_view printed(text, static_cast<std::size_t>(size));
  while (!printed.empty() && printed.back() == '\n') printed.remove_suffix(1);
  if (printed.size() > kDiagnosticsBytesMax) {
    printed = printed.substr(printed.size() - kDiagnosticsBytesMax);
  }
  std::string safe(printed);
  for (char& c : safe) {
    if (c < ' ' || c > '~') c = ' ';
  }
  return safe;
}

}  // namespace summon::launcher
