// SPDX-License-Identifier: Apache-2.0
// Watching one monitor process.
#include "launcher/monitor/process.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/seqpacket.h"
#include "base/strings.h"
#include "hypervisor/control/packed_job.h"

namespace summon::launcher {

using hypervisor::JobFrame;
using hypervisor::OrderFrame;
using hypervisor::OrderKind;
using hypervisor::ReportFrame;
using hypervisor::ReportKind;
using hypervisor::Stage;

namespace {

constexpr std::size_t kDiagnosticsBytesMax = 512;

// By pidfd, so that a reused pid is never hit.
void SendSignal(int pidfd, int signal_number) {
  (void)syscall(SYS_pidfd_send_signal, pidfd, signal_number, nullptr, 0);  // ESRCH: gone already
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
    SendSignal(spawned_.pidfd.get(), SIGKILL);
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

void MonitorProcess::OnPrepared(std::function<void(const MachineReport&)> on_prepared) {
  on_prepared_ = std::move(on_prepared);
}

void MonitorProcess::OnHeld(std::function<void()> on_held) { on_held_ = std::move(on_held); }

void MonitorProcess::OnStage(std::function<void(hypervisor::Stage, Instant)> on_stage) {
  on_stage_ = std::move(on_stage);
}

void MonitorProcess::OnPong(std::function<void()> on_pong) {
  on_pong_ = std::move(on_pong);
}

void MonitorProcess::OnExit(std::function<void(const MonitorExit&)> on_exit) {
  on_exit_ = std::move(on_exit);
}

void MonitorProcess::Silence() {
  on_prepared_ = nullptr;
  on_held_ = nullptr;
  on_stage_ = nullptr;
  on_pong_ = nullptr;
  on_exit_ = nullptr;
}

Status MonitorProcess::SendJob(const JobFrame& job, std::span<const int> fds) {
  last_stamp_ = loop_.Now();
  if ((job.flags & hypervisor::kJobHold) != 0) hold_ = Hold::kAwaited;
  SUMMON_TRY(SendPacket(spawned_.control.get(), hypervisor::PackJob(job), fds));
  // Afterwards, so that it is not on the way: a monitor without its guest needs no bound.
  if (group_ != nullptr) group_->LimitMemory(job.memory_bytes);
  return Ok();
}

Status MonitorProcess::SendOrder(OrderKind kind, std::uint64_t number) {
  const OrderFrame order{.magic = hypervisor::kProtocolMagic,
                         .version = hypervisor::kProtocolVersion,
                         .kind = kind,
                         .reserved = 0,
                         .number = number};
  // SAFETY: OrderFrame is trivially copyable; its bytes are what the protocol sends.
  SUMMON_TRY(SendPacket(spawned_.control.get(),
                        Bytes(reinterpret_cast<const std::uint8_t*>(&order), sizeof order)));
  return Ok();
}

Status MonitorProcess::Go() {
  last_stamp_ = loop_.Now();  // before it: the answer may be quicker than we are
  SUMMON_TRY(SendOrder(OrderKind::kGo));
  if (hold_ == Hold::kHeld) {
    hold_ = Hold::kReleased;
    return Ok();
  }
  ++first_packets_again_;
  ++first_bytes_again_;
  reports_max_ += 2;
  return Ok();
}

Status MonitorProcess::TakeSnapshot() { return SendOrder(OrderKind::kTakeSnapshot); }

Status MonitorProcess::Ping() {
  if (unanswered_) return Ok();
  SUMMON_TRY(SendOrder(OrderKind::kPing, pings_ + 1));
  ++pings_;
  unanswered_ = true;
  ++reports_max_;
  return Ok();
}

bool MonitorProcess::HasExited() const {
  pollfd exit{spawned_.pidfd.get(), POLLIN, 0};  // readable once it has ended: pidfd_open(2)
  return reaped_ || poll(&exit, 1, 0) > 0;
}

void MonitorProcess::Kill() { SendSignal(spawned_.pidfd.get(), SIGKILL); }
void MonitorProcess::Condemn(std::string why) {
  exit_.condemned = std::move(why);
  Kill();
}
void MonitorProcess::Stop() { SendSignal(spawned_.pidfd.get(), SIGSTOP); }
void MonitorProcess::Continue() { SendSignal(spawned_.pidfd.get(), SIGCONT); }

Status MonitorProcess::SetPriority(Priority priority) {
  if (reaped_) return Ok();
  const sched_param none{};
  const int policy = priority == Priority::kIdle ? SCHED_IDLE : SCHED_OTHER;
  constexpr int kLowNice = 10;
  // By pid, which is ours until it is reaped.
  if (sched_setscheduler(spawned_.pid, policy, &none) == 0 &&
      setpriority(PRIO_PROCESS, static_cast<id_t>(spawned_.pid),
                  priority == Priority::kLow ? kLowNice : 0) == 0) {
    priority_ = priority;
    return Ok();
  }
  return ErrnoError("set priority of a monitor", errno);
}

void MonitorProcess::ReadReports() {
  while (exit_.broken.empty()) {
    Result<std::optional<Packet>> received =
        ReceivePacket(spawned_.control.get(), hypervisor::kReportPacketBytesMax);
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
    if (packet.bytes.empty() || packet.bytes.size() % sizeof(ReportFrame) != 0) {
      return Break(StrCat("reports of ", packet.bytes.size(), " bytes; one has ",
                          sizeof(ReportFrame)));
    }
    ByteReader reports(packet.bytes);
    while (reports.remaining() > 0 && exit_.broken.empty()) {
      TakeReport(*reports.Read<ReportFrame>());
    }
  }
}

void MonitorProcess::TakeReport(const ReportFrame& report) {
  if (report.magic != hypervisor::kProtocolMagic ||
      report.version != hypervisor::kProtocolVersion) {
    return Break(StrCat("a report of protocol ", Hex(report.magic), " version ", report.version,
                        "; must be ", Hex(hypervisor::kProtocolMagic), " version ",
                        hypervisor::kProtocolVersion, " (are all programs of one release?)"));
  }
  if (++reports_ > reports_max_) return Break("too many reports");
  if (exit_.end) return Break("a report after its end report");
  if (report.kind == ReportKind::kEnd) {
    exit_.end = report;
    exit_.end->detail[sizeof report.detail - 1] = '\0';
    return;
  }
  switch (report.kind) {
    case ReportKind::kStage: return TakeStage(report);
    case ReportKind::kPrepared: return TakePrepared(report);
    case ReportKind::kHeld: return TakeHeld();
    case ReportKind::kPong: return TakePong(report);
    case ReportKind::kEnd: break;
  }
  Break("a report of a kind that does not exist");
}

void MonitorProcess::TakeStage(const ReportFrame& report) {
  const Stage stage = report.stage;
  if (stage < Stage::kAssigned || stage > Stage::kFirstByteOut) {
    return Break("a report of a stage that does not exist");
  }
  if (!Follows(stage)) return Break("stages twice or out of order");
  const bool again = Seen(stage);
  if (again) --(stage == Stage::kFirstPacketIn ? first_packets_again_ : first_bytes_again_);
  stages_seen_ |= 1u << static_cast<unsigned>(stage);
  exit_.took_job = true;
  if (stage == Stage::kRunning) exit_.guest_ran = true;
  // One that was on its way when the guest was told to go on is about the time before.
  if (again && InstantFromNanos(report.at_nanos) < last_stamp_) return;
  const Instant at = std::clamp(InstantFromNanos(report.at_nanos), last_stamp_,
                                std::max(last_stamp_, loop_.Now()));
  last_stamp_ = at;
  if (const auto told = on_stage_) told(stage, at);  // a copy: it may be replaced from within
}

void MonitorProcess::TakePrepared(const ReportFrame& report) {
  using hypervisor::GuestModeCode;
  if (machine_ || stages_seen_ != 0) return Break("its machine is made twice or too late");
  if (report.guest_mode != GuestModeCode::kRing0 && report.guest_mode != GuestModeCode::kRing3) {
    return Break("a machine with a guest mode that does not exist");
  }
  machine_ = MachineReport{report.number, report.guest_mode};
  if (const auto told = on_prepared_) told(*machine_);  // a copy: it may be replaced from within
}

void MonitorProcess::TakeHeld() {
  if (hold_ != Hold::kAwaited || Seen(Stage::kRunning)) {
    return Break("it holds a guest that it was not to hold");
  }
  hold_ = Hold::kHeld;
  if (const auto told = on_held_) told();  // a copy: it may be replaced from within
}

void MonitorProcess::TakePong(const ReportFrame& report) {
  if (!unanswered_ || report.number != pings_) return Break("an answer to no question");
  unanswered_ = false;
  if (const auto told = on_pong_) told();  // a copy: it may be replaced from within
}

// Up to the first instruction each stage needs the one before. After that the guest decides: it
// may send or read before its first poll.
bool MonitorProcess::Follows(Stage stage) const {
  if (Seen(stage)) {
    return (stage == Stage::kFirstPacketIn && first_packets_again_ > 0) ||
           (stage == Stage::kFirstByteOut && first_bytes_again_ > 0);
  }
  switch (stage) {
    case Stage::kAssigned: return stages_seen_ == 0;
    case Stage::kLoaded: return Seen(Stage::kAssigned);
    case Stage::kRunning:
      return Seen(Stage::kLoaded) && (hold_ == Hold::kNone || hold_ == Hold::kReleased);
    default: return Seen(Stage::kRunning);
  }
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
  Silence();
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
