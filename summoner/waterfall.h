// SPDX-License-Identifier: Apache-2.0
#pragma once
// The way of one summon from the question to the first byte, as stamps of CLOCK_MONOTONIC.
//
// Kept for the last summon of each service; a stamp that is not set has not happened (yet), or
// cannot be seen by that kind of launcher.

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "launcher/launcher.h"
#include "summoner/effects.h"

namespace summon::summoner {

inline constexpr std::size_t kStages = 6;  // of launcher::Stage

struct Waterfall {
  std::uint64_t generation = 0;  // 0: not launched yet
  std::optional<Trigger> trigger;  // none: adopted
  std::optional<launcher::Rung> from;  // what it woke from (off: booted); none before ready
  std::optional<Instant> received;     // the query, or the frame that woke it
  std::optional<Instant> decided;      // the request reached the summoner
  std::optional<Instant> launched;     // an instance was ordered; later than decided when it queued
  std::array<std::optional<Instant>, kStages> stages;  // index: launcher::Stage
  std::optional<Instant> answer_sent;  // the first answer since `decided`

  std::optional<Instant> At(launcher::Stage stage) const {
    return stages[static_cast<std::size_t>(stage)];
  }
};

}  // namespace summon::summoner
