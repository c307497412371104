// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finds monitors that hang, and guests that spin.
//
// Once in kPeriod it looks at each monitor that runs a guest. One of kind kvm that sleeps waits for
// its guest's next event, and is left alone: an idle guest is never woken for this. One that does
// not is asked whether it is there; when the answer has not come a period later it is ended. So is
// one that somebody else stopped, when it is found so twice.
//
// A guest that was found running kSpinsAfter times in a row, and has no cgroup of its own that
// bounds its share, gets a low priority until it waits: alone it still has a processor, but no
// other guest waits for it.

#include <functional>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "launcher/monitor/process.h"

namespace summon::launcher {

// What is remembered of one monitor.
struct Watched {
  UniqueFd stat;  // /proc/PID/stat
  bool stopped = false;
  bool asked = false;  // an answer was missing at the last look
  unsigned ran = 0;    // looks in a row at which it did not wait
};

enum class Verdict { kFine, kDoesNotAnswer, kStopped };

// Looks at it once, and asks when there is reason to.
Verdict LookAt(MonitorProcess& process, Watched& watched);
// Of one that cannot be asked, since its guest is all of it (kind process): only whether it spins.
void LookAtShare(MonitorProcess& process, Watched& watched);

class Watchdog final {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  // A guest that serves is seldom found running so often in a row.
  static constexpr unsigned kSpinsAfter = 5;
  // Monitors to look at in one turn of the loop, so that nothing else waits long for thousands.
  static constexpr std::size_t kPerTurn = 32;
  static constexpr std::size_t kServicesPerTurn = 1024;  // most of which may be at rest

  // `look` looks at up to kPerTurn monitors, going on from where it was; true: there are more in
  // this round. A round begins each period while `busy` is true.
  struct Work {
    std::function<bool()> look;
    std::function<bool()> busy;
  };
  Watchdog(Loop& loop, Work work);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // There is something to watch.
  void Wake();

 private:
  void Turn();

  Loop& loop_;
  const Work work_;
  Instant round_{};
  bool set_ = false;
  Timer timer_;
};

}  // namespace summon::launcher
