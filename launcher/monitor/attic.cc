// SPDX-License-Identifier: Apache-2.0
// Clearing away, a few things at a time.
#include "launcher/monitor/attic.h"

namespace summon::launcher {

void Attic::Put(std::unique_ptr<MonitorProcess> process) {
  if (process == nullptr) return;
  process->Silence();
  if (!process->reaped()) process->Kill();
  Add(Thing{std::move(process), UniqueFd()});
}

void Attic::Put(UniqueFd file) {
  if (file.valid()) Add(Thing{nullptr, std::move(file)});
}

void Attic::Add(Thing thing) {
  things_.push_back(std::move(thing));
  // Too many: the timer is due at once. Never from here, where a callback of the process may run.
  timer_.Set(things_.size() > kThingsMax ? loop_.Now() : loop_.Now() + kQuiet);
}

void Attic::Disturb() {
  if (!things_.empty() && things_.size() <= kThingsMax) timer_.Set(loop_.Now() + kQuiet);
}

void Attic::Clear() {
  for (std::size_t cleared = 0; cleared < kPerTurn && !things_.empty(); ++cleared) {
    things_.pop_front();
  }
  if (!things_.empty()) timer_.Set(loop_.Now());
}

}  // namespace summon::launcher
