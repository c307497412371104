// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where OnIdle::kAuto lets an instance rest: on the cheapest rung that answers soon enough.
//
// "Soon enough" is measured, never guessed: the launcher's median time to wake from the rung on
// this machine, plus the service's own median from ready to its first byte. A rung that was not
// measured yet is tried once every warmer one is known to be fast enough, so a machine that just
// started tries paused, then parked, then saved: each trial costs one wake that may be too slow.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "launcher/launcher.h"

namespace summon::summoner {

// From ready to the first byte, for a service that has not answered yet. Measured for the echo
// guest: well below; a service that is slower than this is known after its first answer.
inline constexpr Duration kFirstByteUnknown = std::chrono::milliseconds(1);

// Fewer wakes than this are no measure: one of them may have been an accident.
inline constexpr std::uint32_t kRungSamplesMin = 3;

// What is known of one rung for one service.
struct RungFact {
  bool reachable = true;          // false: asked for it, the service came to rest lower
  std::optional<Duration> wake{};  // median from launch to ready; none: not measured
};
using RungFacts = std::array<RungFact, launcher::kRungs>;  // index: launcher::Rung

// The cheapest measured rung that meets `slo`, or a cheaper one that is to be tried. When none
// meets it, the one that wakes fastest.
launcher::Rung ChooseRung(const RungFacts& facts, Duration first_byte, Duration slo);

// The median of the last times from ready to first byte of one service.
class FirstByteTimes final {
 public:
  static constexpr std::size_t kKept = 15;  // odd: its median is one of them

  void Add(Duration took) {
    times_[next_] = took;
    next_ = (next_ + 1) % kKept;
    count_ = std::min(count_ + 1, kKept);
  }
  Duration MedianOr(Duration unknown) const;

 private:
  std::array<Duration, kKept> times_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace summon::summoner
