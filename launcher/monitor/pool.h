// SPDX-License-Identifier: Apache-2.0
#pragma once
// Monitors that wait for a job, and the knowledge whether more can be made.
//
// A member is used once. It is made ahead of time because exec and the making of a VM cost about
// a millisecond, and off the hot path: the refill begins a little after the last launch. What
// members die of tells what this machine lacks; while a kind is unavailable it is tried again
// every kReprobe, so that nothing needs a restart when /dev/kvm appears.

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "base/result.h"
#include "launcher/launch_order.h"
#include "launcher/monitor/enclosure.h"
#include "launcher/monitor/process.h"

namespace summon::launcher {

struct PoolOptions {
  std::string monitor_dir;
  std::string kvm_path;
  std::size_t size = 0;  // waiting members to keep for each wanted kind
  std::string guest_mode;
};

// User ids for monitors, one each while it lives. Only root can change to them.
class UidRange final {
 public:
  static constexpr unsigned kFirst = 61'184;  // not used by Debian (policy 9.2.2) or systemd
  static constexpr unsigned kCount = 4'000;

  // No value when we are not root, or all are taken.
  std::optional<unsigned> Take();
  void GiveBack(unsigned uid);

 private:
  std::vector<bool> taken_ = std::vector<bool>(kCount, false);
  std::size_t next_ = 0;
};

class MonitorPool final {
 public:
  static constexpr Duration kReprobe = std::chrono::seconds(2);
  // A waiting member that dies younger than this shows that its kind cannot run here; one that
  // lives longer shows that it can.
  static constexpr Duration kProbation = std::chrono::milliseconds(300);
  // The refill waits this long after a launch, and between two members.
  static constexpr Duration kRefillAfter = std::chrono::milliseconds(20);

  using OnAvailability = std::function<void(Kind, const Status&)>;

  // `loop` and `log` outlive the pool. `on_availability` runs from the loop: once for each kind
  // soon after construction, then at each change.
  MonitorPool(Loop& loop, Logger& log, PoolOptions options, OnAvailability on_availability);
  ~MonitorPool();
  MonitorPool(const MonitorPool&) = delete;
  MonitorPool& operator=(const MonitorPool&) = delete;

  // From now on members of this kind are kept waiting.
  void Want(Kind kind);
  const Status& availability(Kind kind) const { return kinds_[Index(kind)].status; }

  // A waiting member, or a new one when none waits. An error also makes the kind unavailable
  // when the machine lacks something (not when a bound was reached).
  Result<std::unique_ptr<MonitorProcess>> Take(Kind kind);
  // A monitor that is only to check an image: without /dev/kvm.
  Result<std::unique_ptr<MonitorProcess>> StartChecker(Kind kind);
  // An instance of the kind ended because of the host: looks again whether the kind can run.
  void Suspect(Kind kind);

  // Monitors that are alive, waiting or taken.
  std::size_t alive() const { return alive_; }

 private:
  struct Members {
    Status status;
    bool told = false;
    bool wanted = false;
    bool on_probation = false;  // unavailable, and a new member is proving the contrary
    std::deque<std::unique_ptr<MonitorProcess>> waiting;
  };

  static std::size_t Index(Kind kind) { return static_cast<std::size_t>(kind); }
  std::string ProgramOf(Kind kind) const;
  Status Probe(Kind kind) const;
  Result<UniqueFd> OpenKvm() const;
  enum class Device { kNone, kKvm };
  Result<std::unique_ptr<MonitorProcess>> Start(Kind kind, Device device);
  Status AddMember(Kind kind);
  void MemberDied(Kind kind, const MonitorProcess* member, const MonitorExit& exit);
  void SetStatus(Kind kind, Status status);
  void Refill();
  void Reprobe();

  Loop& loop_;
  Logger& log_;
  const PoolOptions options_;
  const OnAvailability on_availability_;
  Enclosure enclosure_;
  UidRange uids_;
  std::array<Members, kKinds> kinds_;
  std::size_t alive_ = 0;
  Timer refill_timer_;
  Timer reprobe_timer_;
};

}  // namespace summon::launcher
