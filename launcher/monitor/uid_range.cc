// SPDX-License-Identifier: Apache-2.0
// Going round the range.
#include "launcher/monitor/uid_range.h"

#include <unistd.h>

namespace summon::launcher {

UidRange::UidRange() : next_(static_cast<std::size_t>(getpid()) % kCount) {}

std::optional<unsigned> UidRange::Take() {
  if (geteuid() != 0) return std::nullopt;
  for (std::size_t tried = 0; tried < taken_.size(); ++tried) {
    const std::size_t slot = next_;
    next_ = (next_ + 1) % taken_.size();
    if (taken_[slot]) continue;
    taken_[slot] = true;
    return kFirst + static_cast<unsigned>(slot);
  }
  return std::nullopt;
}

void UidRange::GiveBack(unsigned uid) { taken_[uid - kFirst] = false; }

}  // namespace summon::launcher
