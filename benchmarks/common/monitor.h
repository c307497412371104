// SPDX-License-Identifier: Apache-2.0
#pragma once
// One monitor, driven as launcherd drives it: started, given a job, listened to. Blocking, so that
// nothing but the monitor takes time.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"
#include "launcher/launch_order.h"
#include "launcher/monitor/spawn.h"
#include "launcher/monitor/uid_range.h"

namespace summon::benchmarks {

// What all monitors of a run share. Outlives them.
struct Stable {
  std::string monitor_dir;
  std::string kvm_path;
  launcher::UidRange uids;
};

enum class Machine { kMade, kNone };  // whether it gets /dev/kvm when it starts

struct MonitorSpec {
  launcher::Kind kind = launcher::Kind::kKvm;
  std::string guest_mode;  // auto, ring0, ring3; kvm only
  Machine machine = Machine::kMade;
};

class Monitor final {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(10);

  static Result<std::unique_ptr<Monitor>> Start(Stable& stable, const MonitorSpec& spec);
  ~Monitor();  // kills and reaps it
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // Until it waits for its job: kPrepared, or for summon-spt, which has no such report, until it
  // sleeps.
  Status AwaitWaiting();
  // Sends a job. `fds` are borrowed, and begin with the image; the console goes in as the second.
  Status Give(const hypervisor::JobFrame& frame, std::span<const int> fds);
  Status Order(hypervisor::OrderKind kind);
  // The report of this kind; the stages before it are kept. An end that is not awaited is an error.
  Result<hypervisor::ReportFrame> Await(hypervisor::ReportKind kind);
  Status AwaitStage(hypervisor::Stage stage);
  // When the console's next byte could be read. Everything that stands there is taken.
  Result<Instant> AwaitConsole();
  // Waits until the process has ended by itself, and takes the stages that it told. When that was.
  Result<Instant> AwaitEnd();
  // Takes the stages that wait to be read.
  void Listen();
  // SIGSTOP, until it has stopped; and SIGCONT.
  Status Pause();
  void Continue();

  std::optional<Instant> Reached(hypervisor::Stage stage) const;
  int pid() const { return spawned_.pid; }

 private:
  explicit Monitor(Stable& stable) : stable_(stable) {}
  Status Readable(int fd);
  // Takes the next packet of reports.
  Status ReceiveReports();
  Result<hypervisor::ReportFrame> NextReport();

  Stable& stable_;
  std::optional<unsigned> uid_;
  launcher::Kind kind_ = launcher::Kind::kKvm;
  launcher::Spawned spawned_;
  UniqueFd console_;
  UniqueFd console_end_;
  std::deque<hypervisor::ReportFrame> received_;  // and not taken yet
  std::map<hypervisor::Stage, Instant> stages_;
};

// How guests run on this machine: what a pool finds out with its first member, and tells the next.
Result<std::string> FindGuestMode(Stable& stable);

}  // namespace summon::benchmarks
