// SPDX-License-Identifier: Apache-2.0
// From the warmest rung to off, then back to the cheapest that was good.

#include "summoner/rung_choice.h"

namespace summon::summoner {

using launcher::kRungs;
using launcher::Rung;

Rung ChooseRung(const RungFacts& facts, Duration first_byte, Duration slo) {
  std::optional<std::size_t> cheapest;  // that meets it
  std::optional<std::size_t> trial;     // to be measured
  std::optional<std::size_t> fastest;
  bool all_good = true;  // of the warmer ones
  for (std::size_t rung = 0; rung < kRungs; ++rung) {
    const RungFact& fact = facts[rung];
    if (!fact.reachable) continue;
    if (!fact.wake) {
      if (all_good && !trial) trial = rung;
      continue;
    }
    const bool good = *fact.wake + first_byte <= slo;
    if (good) cheapest = rung;
    all_good = all_good && good;
    if (!fastest || *fact.wake < *facts[*fastest].wake) fastest = rung;
  }
  if (trial && (!cheapest || *trial > *cheapest)) return static_cast<Rung>(*trial);
  if (cheapest) return static_cast<Rung>(*cheapest);
  return fastest ? static_cast<Rung>(*fastest) : Rung::kOff;
}

Duration FirstByteTimes::MedianOr(Duration unknown) const {
  if (count_ == 0) return unknown;
  std::array<Duration, kKept> sorted = times_;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(count_ / 2);
  std::nth_element(sorted.begin(), middle, end);
  return *middle;
}

}  // namespace summon::summoner
