// SPDX-License-Identifier: Apache-2.0
#pragma once
// One monitor process, from exec until it is reaped.
//
// What it reports is checked for size, magic, order and number before anybody hears of it, and
// its stamps are put between the job and now: it runs a hostile guest.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/loop/loop.h"
#include "base/result.h"
#include "hypervisor/control/protocol.h"
#include "launcher/monitor/cgroups.h"
#include "launcher/monitor/spawn.h"

namespace summon::launcher {

// How a monitor process ended.
struct MonitorExit {
  bool signalled = false;
  int code = 0;  // exit status, or the signal's number
  std::optional<hypervisor::ReportFrame> end;  // its end report, when it sent one
  bool took_job = false;                       // it reported a stage
  bool guest_ran = false;                      // it reported kRunning
  std::string broken;       // not empty: how it broke the protocol, and we killed it
  std::string condemned;    // not empty: why else we killed it
  std::string diagnostics;  // the last it printed on standard error, made printable
};

// What a monitor says of the machine that it has made.
struct MachineReport {
  std::uint64_t tsc_hz = 0;
  hypervisor::GuestModeCode mode = hypervisor::GuestModeCode::kRing0;
};

class MonitorProcess final {
 public:
  // Made, held, six stages and the end. More is a monitor that has gone mad, unless it was asked:
  // each question has one answer, and each kGo to a guest that runs two stages again.
  static constexpr std::uint64_t kReportsMax = 9;

  static Result<std::unique_ptr<MonitorProcess>> Start(Loop& loop, const SpawnSpec& spec);
  // Kills it and waits until it is gone, when it still lives.
  ~MonitorProcess();
  MonitorProcess(const MonitorProcess&) = delete;
  MonitorProcess& operator=(const MonitorProcess&) = delete;

  // `on_exit` is the last call. It may destroy this object; no other callback may. Each replaces
  // the one before; none is needed.
  void OnPrepared(std::function<void(const MachineReport&)> on_prepared);
  void OnHeld(std::function<void()> on_held);
  void OnStage(std::function<void(hypervisor::Stage, Instant)> on_stage);
  void OnPong(std::function<void()> on_pong);
  void OnExit(std::function<void(const MonitorExit&)> on_exit);
  // Forgets all callbacks but OnGone.
  void Silence();
  // Runs when this object goes, after the process is reaped (its user id may be used again).
  void OnGone(std::function<void()> on_gone) { on_gone_ = std::move(on_gone); }

  // Its control group, if it has one; goes when the process has gone.
  void Keep(std::unique_ptr<CgroupLeaf> group) { group_ = std::move(group); }

  // Sends the one job. kUnavailable when the process has just died (its exit follows).
  Status SendJob(const hypervisor::JobFrame& job, std::span<const int> fds);
  // To a monitor that has its job. kUnavailable as above; kBusy when it has not taken what was sent
  // before.
  Status Go();
  Status TakeSnapshot();
  // Nothing when the last one is not answered yet.
  Status Ping();
  bool unanswered() const { return unanswered_; }
  // SIGKILL; the exit follows.
  void Kill();
  // The same, and says why.
  void Condemn(std::string why);
  // SIGSTOP and SIGCONT.
  void Stop();
  void Continue();
  // kIdle: the whole machine's other work goes first (SCHED_IDLE). kLow: of a processor that
  // others want too it gets a tenth of a share (nice 10). Needs CAP_SYS_NICE for the way back:
  // kPermission.
  enum class Priority { kIdle, kLow, kNormal };
  Status SetPriority(Priority priority);
  Priority priority() const { return priority_; }
  // Whether a cgroup of its own bounds its share of the processors.
  bool has_share() const { return group_ != nullptr; }

  int pid() const { return spawned_.pid; }
  bool reaped() const { return reaped_; }
  // Asks the kernel: true before OnExit() is told of it, too.
  bool HasExited() const;
  const std::optional<MachineReport>& machine() const { return machine_; }
  Instant started() const { return started_; }

 private:
  MonitorProcess(Loop& loop, Spawned spawned);
  Status Watch();
  Status SendOrder(hypervisor::OrderKind kind, std::uint64_t number = 0);
  void ReadReports();
  void TakeReport(const hypervisor::ReportFrame& report);
  void TakeStage(const hypervisor::ReportFrame& report);
  void TakePrepared(const hypervisor::ReportFrame& report);
  void TakeHeld();
  void TakePong(const hypervisor::ReportFrame& report);
  bool Seen(hypervisor::Stage stage) const {
    return (stages_seen_ & 1u << static_cast<unsigned>(stage)) != 0;
  }
  bool Follows(hypervisor::Stage stage) const;
  void Break(std::string how);
  void Reap();
  std::string ReadDiagnostics();

  Loop& loop_;
  Spawned spawned_;
  std::unique_ptr<CgroupLeaf> group_;
  const Instant started_;
  Instant last_stamp_;
  std::unique_ptr<FdWatcher> exit_watcher_;
  std::unique_ptr<FdWatcher> control_watcher_;
  std::function<void(const MachineReport&)> on_prepared_;
  std::function<void()> on_held_;
  std::function<void(hypervisor::Stage, Instant)> on_stage_;
  std::function<void()> on_pong_;
  std::function<void(const MonitorExit&)> on_exit_;
  std::function<void()> on_gone_;
  MonitorExit exit_;
  std::optional<MachineReport> machine_;
  enum class Hold { kNone, kAwaited, kHeld, kReleased };
  Hold hold_ = Hold::kNone;
  std::uint64_t pings_ = 0;   // the newest question's number
  bool unanswered_ = false;
  Priority priority_ = Priority::kNormal;
  unsigned stages_seen_ = 0;            // bit n: stage n was reported
  // Stages that a guest which goes on after a stop may reach once more.
  std::uint64_t first_packets_again_ = 0;
  std::uint64_t first_bytes_again_ = 0;
  std::uint64_t reports_ = 0;
  std::uint64_t reports_max_ = kReportsMax;
  bool reaped_ = false;
};

}  // namespace summon::launcher
