// SPDX-License-Identifier: Apache-2.0
#pragma once
// Monitors that wait for a job, and the knowledge whether more can be made.
//
// A member is used once. It is made ahead of time because exec and the making of a VM cost some
// milliseconds, and off the hot path: the refill begins when no launch has come for a moment, and
// members get ready at the lowest priority. What members die of tells what this machine lacks;
// while a kind is unavailable it is tried again every kReprobe, so that nothing needs a restart
// when /dev/kvm appears.

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
#include "launcher/monitor/attic.h"
#include "launcher/monitor/enclosure.h"
#include "launcher/monitor/process.h"
#include "launcher/monitor/uid_range.h"

namespace summon::launcher {

struct PoolOptions {
  std::string monitor_dir;
  std::string kvm_path;
  std::size_t size = 0;      // waiting members to keep for each wanted kind
  std::size_t size_max = 0;  // how many to keep when launches come faster than they are made
  std::string guest_mode;
};

class MonitorPool final {
 public:
  static constexpr Duration kReprobe = std::chrono::seconds(2);
  // A waiting member that dies younger than this shows that its kind cannot run here; one that
  // lives longer shows that it can.
  static constexpr Duration kProbation = std::chrono::milliseconds(300);
  // The refill waits this long after a launch, and between two members; but when launches come
  // faster than that it goes on all the same after kRefillLatest.
  static constexpr Duration kRefillAfter = std::chrono::milliseconds(20);
  static constexpr Duration kRefillLatest = std::chrono::milliseconds(200);
  // A launch that finds a pool empty that had been full doubles the number to keep (one that had
  // not been would not be fuller for it); each time of this length without such a launch takes one
  // off, down to the size that was asked for.
  static constexpr Duration kShrinkAfter = std::chrono::seconds(10);

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

  // A ready member; one that is not ready yet, or a new one, when there is none. An error also
  // makes the kind unavailable when the machine lacks something (not when a bound was reached).
  Result<std::unique_ptr<MonitorProcess>> Take(Kind kind);
  // A launch begins: what can wait, waits.
  void Disturb();
  // Where what is no longer needed goes.
  Attic& attic() { return attic_; }
  // A monitor that is only to check an image: without /dev/kvm.
  Result<std::unique_ptr<MonitorProcess>> StartChecker(Kind kind);
  // An instance of the kind ended because of the host: looks again whether the kind can run.
  void Suspect(Kind kind);

  // Monitors that are alive, waiting or taken.
  std::size_t alive() const { return alive_; }

  struct Counters {
    std::uint64_t hits = 0;    // launches that found a ready member
    std::uint64_t misses = 0;  // launches that did not
    std::size_t size = 0;      // members to keep now
    std::size_t ready = 0;
  };
  Counters counters(Kind kind) const;

 private:
  struct Members {
    Status status;
    bool told = false;
    bool wanted = false;
    bool on_probation = false;  // unavailable, and a new member is proving the contrary
    std::size_t size = 0;       // members to keep
    bool was_full = false;      // since `size` last grew
    // How guests run on this machine, as the first member found out: the next ones are told.
    std::optional<hypervisor::GuestModeCode> mode;
    std::deque<std::unique_ptr<MonitorProcess>> waiting;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    Instant missed_at{};
  };

  static std::size_t Index(Kind kind) { return static_cast<std::size_t>(kind); }
  std::string ProgramOf(Kind kind) const;
  Status Probe(Kind kind) const;
  Result<UniqueFd> OpenKvm() const;
  static bool Ready(Kind kind, const MonitorProcess& member) {
    return kind == Kind::kProcess || member.machine().has_value();
  }
  enum class Device { kNone, kKvm };
  Result<std::unique_ptr<MonitorProcess>> Start(Kind kind, Device device);
  std::vector<std::string> ModeArgument(Kind kind) const;
  Status AddMember(Kind kind);
  void MemberReady(Kind kind, MonitorProcess& member, const MachineReport& machine);
  void Grow(Kind kind);
  void Shrink();
  bool Lacks(const Members& members) const;
  void RefillSoon();
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
  std::size_t alive_ = 0;
  Attic attic_;
  std::array<Members, kKinds> kinds_;
  bool idle_priority_ = true;  // until the way back from it was refused
  Instant refill_latest_ = kNever;
  Timer refill_timer_;
  Timer shrink_timer_;
  Timer reprobe_timer_;
};

}  // namespace summon::launcher
