// SPDX-License-Identifier: Apache-2.0
#pragma once
// Brings one guest to rest: stops it, or has it written down and then held or saved.
//
//     running --stop--> paused --weigh--> done
//     running or paused --snapshot--> (ended) --hold--> parked --weigh--> done
//                                             --save--> saved             done
//     parked --save--> saved, done
// What goes wrong on the way ends at kOff. Each step has a limit.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "base/log.h"
#include "launcher/monitor/end_report.h"
#include "launcher/monitor/offload_lane.h"
#include "launcher/monitor/resting.h"
#include "launcher/monitor/snapshot_store.h"

namespace summon::launcher {

class Descent final {
 public:
  // A guest comes to its POLL and is written down within this time, or it is not one that can be.
  // Long for a guest; on an overloaded host half a second was not enough to scan its memory.
  static constexpr Duration kSnapshotPatience = std::chrono::seconds(2);
  static constexpr Duration kHoldPatience = std::chrono::seconds(2);

  // All outlive the descent. `order` is that of the guest, or none when it has changed since.
  struct Surroundings {
    Loop& loop;
    MonitorPool& pool;
    const SnapshotStore& store;
    OffloadLane& saving;
    ConsoleRing& console;
    std::function<const PreparedOrder*()> order;
    std::function<int()> tap;  // -1 without net device
  };
  struct Outcome {
    Resting resting;
    std::string problem;  // not empty: why it rests at kOff
    std::uint64_t frames_dropped = 0;
    std::uint64_t console_bytes_lost = 0;
  };
  using Done = std::function<void(Outcome)>;

  // `from` rests higher than `target`; of a running guest it says kPaused, and `running` that it
  // is not. `done` runs from the loop, once, and may destroy this object.
  enum class State { kRunning, kResting };
  Descent(Surroundings around, Resting from, State state, Rung target, Done done);
  ~Descent();
  Descent(const Descent&) = delete;
  Descent& operator=(const Descent&) = delete;

  void Lower(Rung target);
  // What can be woken at once; `done` does not run then. No value: it will have to end first.
  std::optional<Resting> TakeBack();
  // The only process, if there is one; `done` does not run any more.
  std::unique_ptr<MonitorProcess> Abandon();

 private:
  enum class Step { kSnapshot, kHold, kWeigh, kSave };

  void Next();
  void Snapshot();
  void SnapshotEnded(const MonitorExit& exit);
  void Hold();
  void Held();
  void Weigh();
  void Save();
  void Saved(Result<std::uint64_t> bytes);
  void Fail(std::string problem);
  void Finish();
  void DropGuest();

  Surroundings around_;
  Outcome out_;
  State state_;
  Rung target_;
  Done done_;
  Step step_ = Step::kWeigh;
  Timer limit_;
  std::string overdue_;  // what the limit was for, when it has passed
  // Tells the file thread that its file is not wanted any more, and its callback likewise.
  std::shared_ptr<std::atomic<bool>> save_wanted_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Memory that the process alone answers for: Pss of smaps_rollup, of which `anonymous` is not in
// any file. 0 when it cannot be read. May block.
struct ProcessMemory {
  std::uint64_t pss_bytes = 0;
  std::uint64_t anonymous_bytes = 0;
};
ProcessMemory ReadProcessMemory(int pid);

}  // namespace summon::launcher
