// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where ended monitors and files that nobody needs wait for a quiet moment: to reap, close and
// unmap takes time that a launch should not pay.

#include <deque>
#include <memory>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "launcher/monitor/process.h"

namespace summon::launcher {

class Attic final {
 public:
  // Quiet is when no launch has begun for this long.
  static constexpr Duration kQuiet = std::chrono::milliseconds(20);
  // Things to clear away in one turn of the loop, and things to keep: more are cleared at once.
  static constexpr std::size_t kPerTurn = 4;
  static constexpr std::size_t kThingsMax = 256;

  explicit Attic(Loop& loop) : loop_(loop), timer_(loop, [this] { Clear(); }) {}
  Attic(const Attic&) = delete;
  Attic& operator=(const Attic&) = delete;

  // Ends the process, if it still lives; its callbacks do not run any more. May be called from one
  // of them.
  void Put(std::unique_ptr<MonitorProcess> process);
  void Put(UniqueFd file);
  void Disturb();

 private:
  struct Thing {
    std::unique_ptr<MonitorProcess> process;
    UniqueFd file;
  };
  void Add(Thing thing);
  void Clear();

  Loop& loop_;
  Timer timer_;
  std::deque<Thing> things_;
};

}  // namespace summon::launcher
