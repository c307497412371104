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
  bool guest_ran = false;                      // it reported kRunning
  std::string broken;       // not empty: how it broke the protocol, and we killed it
  std::string diagnostics;  // the last it printed on standard error, made printable
};

class MonitorProcess final {
 public:
  // Six stages and the end; more is a monitor that has gone mad.
  static constexpr int kReportsMax = 7;

  static Result<std::unique_ptr<MonitorProcess>> Start(Loop& loop, const SpawnSpec& spec);
  // Kills it and waits until it is gone, when it still lives.
  ~MonitorProcess();
  MonitorProcess(const MonitorProcess&) = delete;
  MonitorProcess& operator=(const MonitorProcess&) = delete;

  // `on_exit` is the last call and may destroy this object; `on_stage` must not.
  void OnStage(std::function<void(hypervisor::Stage, Instant)> on_stage);
  void OnExit(std::function<void(const MonitorExit&)> on_exit);
  // Runs when this object goes, after the process is reaped (its user id may be used again).
  void OnGone(std::function<void()> on_gone) { on_gone_ = std::move(on_gone); }

  // Its control group, if it has one; goes when the process has gone.
  void Keep(std::unique_ptr<CgroupLeaf> group) { group_ = std::move(group); }

  // Sends the one job. kUnavailable when the process has just died (its exit follows).
  Status SendJob(const hypervisor::JobFrame& job, std::span<const int> fds);
  // SIGKILL; the exit follows.
  void Kill();

  int pid() const { return spawned_.pid; }
  Instant started() const { return started_; }

 private:
  MonitorProcess(Loop& loop, Spawned spawned);
  Status Watch();
  void ReadReports();
  void TakeReport(const hypervisor::ReportFrame& report);
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
  std::function<void(hypervisor::Stage, Instant)> on_stage_;
  std::function<void(const MonitorExit&)> on_exit_;
  std::function<void()> on_gone_;
  MonitorExit exit_;
  unsigned stages_seen_ = 0;  // bit n: stage n was reported
  int reports_ = 0;
  bool reaped_ = false;
};

}  // namespace summon::launcher
