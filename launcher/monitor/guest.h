// SPDX-License-Identifier: Apache-2.0
#pragma once
// A guest in its monitor: what an instance has while it runs, and a service while it is paused or
// parked.

#include <memory>

#include "base/loop/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/monitor/console.h"
#include "launcher/monitor/pool.h"
#include "launcher/monitor/preparation.h"

namespace summon::launcher {

struct Guest {
  Kind kind = Kind::kKvm;
  Digest machine;  // what it was made of
  std::unique_ptr<MonitorProcess> process;
  std::unique_ptr<ConsoleReader> console;
  UniqueFd snapshots;  // where its next snapshot goes; none: it cannot be asked for one
};

struct GuestPlan {
  const PreparedOrder& prepared;
  const CheckedImage& image;
  ConsoleRing& console;
  int tap = -1;      // borrowed; -1 without net device
  int restore = -1;  // borrowed: the snapshot to go on from
  enum class Then { kRun, kHold } then = Then::kRun;
  UniqueFd snapshots{};  // taken when it starts; made now when there is none and the order wants it
};

// Gives a monitor of the pool the job. Errors: those of MonitorPool::Take and CheckBlockFiles, and
// kUnavailable when no monitor lives long enough to take it.
Result<Guest> StartGuest(Loop& loop, MonitorPool& pool, GuestPlan plan);

// Ends it, when it still lives, and clears it away later.
void Discard(Guest guest, Attic& attic);

}  // namespace summon::launcher
