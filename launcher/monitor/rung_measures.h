// SPDX-License-Identifier: Apache-2.0
#pragma once
// How fast services wake from each rung, and what they hold there: medians over the newest.

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/loop/loop.h"
#include "launcher/launcher.h"

namespace summon::launcher {

class RungMeasures final {
 public:
  // `tell` runs from the loop, at most once in kTrafficPeriod and rung.
  RungMeasures(Loop& loop, std::function<void(const RungMeasure&)> tell);
  RungMeasures(const RungMeasures&) = delete;
  RungMeasures& operator=(const RungMeasures&) = delete;

  void Woke(Kind kind, Rung from, Duration took);
  void Rested(Kind kind, const Rest& rest);

 private:
  // The newest kRungSamplesMax.
  struct Samples {
    std::vector<std::uint64_t> values;
    std::size_t next = 0;
    void Add(std::uint64_t value);
    std::uint64_t Median() const;  // 0 without samples
  };
  struct Measured {
    Samples wake_nanos;
    Samples memory_bytes;
    bool changed = false;
  };
  Measured& Of(Kind kind, Rung rung) {
    return all_[static_cast<std::size_t>(kind) * kRungs + static_cast<std::size_t>(rung)];
  }
  void Changed(Measured& measured);
  void Tell();

  Loop& loop_;
  const std::function<void(const RungMeasure&)> tell_;
  std::array<Measured, kKinds * kRungs> all_;
  bool due_ = false;
  Instant told_at_{};
  Timer timer_;
};

}  // namespace summon::launcher
