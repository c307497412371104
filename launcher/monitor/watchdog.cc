// SPDX-License-Identifier: Apache-2.0
// Looking at /proc/PID/stat (proc(5)).
#include "launcher/monitor/watchdog.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace summon::launcher {

namespace {

// The state's letter; '?' when it cannot be read.
char StateOf(int stat) {
  std::array<char, 128> text;
  const ssize_t size = pread(stat, text.data(), text.size(), 0);
  if (size <= 0) return '?';
  const std::string_view line(text.data(), static_cast<std::size_t>(size));
  // "PID (NAME) S ...": the name may have anything in it.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= line.size()) return '?';
  return line[name_end + 2];
}

// One look at a guest that waits ends what earlier looks found.
void WeighPriority(MonitorProcess& process, Watched& watched, char state) {
  watched.ran = state == 'S' ? 0 : watched.ran + 1;
  const bool spins = watched.ran >= Watchdog::kSpinsAfter;
  using Priority = MonitorProcess::Priority;
  const Priority wanted = spins ? Priority::kLow : Priority::kNormal;
  if (wanted == process.priority() || process.has_share()) return;
  (void)process.SetPriority(wanted);  // what cannot be changed stays as it is until the next look
}

char LookAtState(const MonitorProcess& process, Watched& watched) {
  if (!watched.stat.valid()) {
    // Its pid is its own until it is reaped; the descriptor stays its own after that, too.
    watched.stat =
        UniqueFd(open(StrCat("/proc/", process.pid(), "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  }
  return StateOf(watched.stat.get());
}

}  // namespace

void LookAtShare(MonitorProcess& process, Watched& watched) {
  WeighPriority(process, watched, LookAtState(process, watched));
}

Verdict LookAt(MonitorProcess& process, Watched& watched) {
  const char state = LookAtState(process, watched);
  if (state == 'T') {
    if (watched.stopped) return Verdict::kStopped;
    watched.stopped = true;
    return Verdict::kFine;
  }
  watched.stopped = false;
  WeighPriority(process, watched, state);
  if (process.unanswered()) {
    // Asked at the last look, or by who woke it just now: that one has time until the next look.
    return std::exchange(watched.asked, true) ? Verdict::kDoesNotAnswer : Verdict::kFine;
  }
  watched.asked = state != 'S';
  if (watched.asked) (void)process.Ping();  // one that is gone is told of by its exit
  return Verdict::kFine;
}

Watchdog::Watchdog(Loop& loop, Work work)
    : loop_(loop), work_(std::move(work)), timer_(loop, [this] { Turn(); }) {}

void Watchdog::Wake() {
  if (set_) return;
  set_ = true;
  round_ = loop_.Now() + kPeriod;
  timer_.Set(round_);
}

void Watchdog::Turn() {
  if (work_.look()) return timer_.Set(loop_.Now());
  set_ = false;
  if (!work_.busy()) return;
  // From the beginning of this round: the time that it took does not add up.
  set_ = true;
  round_ = std::max(round_ + kPeriod, loop_.Now());
  timer_.Set(round_);
}

}  // namespace summon::launcher
