// SPDX-License-Identifier: Apache-2.0
// Medians of the newest samples.
#include "launcher/monitor/rung_measures.h"

#include <algorithm>

namespace summon::launcher {

RungMeasures::RungMeasures(Loop& loop, std::function<void(const RungMeasure&)> tell)
    : loop_(loop), tell_(std::move(tell)), timer_(loop, [this] { Tell(); }) {}

void RungMeasures::Samples::Add(std::uint64_t value) {
  if (values.size() < kRungSamplesMax) return values.push_back(value);
  values[next] = value;
  next = (next + 1) % kRungSamplesMax;
}

std::uint64_t RungMeasures::Samples::Median() const {
  if (values.empty()) return 0;
  std::vector<std::uint64_t> sorted = values;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

void RungMeasures::Woke(Kind kind, Rung from, Duration took) {
  Measured& measured = Of(kind, from);
  measured.wake_nanos.Add(static_cast<std::uint64_t>(std::max<Duration::rep>(took.count(), 0)));
  Changed(measured);
}

void RungMeasures::Rested(Kind kind, const Rest& rest) {
  Measured& measured = Of(kind, rest.rung);
  measured.memory_bytes.Add(rest.memory_bytes);
  // Nothing to tell before the first wake: a rung is measured by both.
  if (!measured.wake_nanos.values.empty()) Changed(measured);
}

void RungMeasures::Changed(Measured& measured) {
  measured.changed = true;
  if (due_) return;
  due_ = true;
  // After the launch that is under way, and not twice within a period.
  timer_.Set(std::max(loop_.Now(), told_at_ + kTrafficPeriod));
}

void RungMeasures::Tell() {
  due_ = false;
  told_at_ = loop_.Now();
  for (std::size_t i = 0; i < all_.size(); ++i) {
    Measured& measured = all_[i];
    if (!measured.changed) continue;
    measured.changed = false;
    tell_(RungMeasure{
        .kind = static_cast<Kind>(i / kRungs),
        .rung = static_cast<Rung>(i % kRungs),
        .samples = static_cast<std::uint32_t>(measured.wake_nanos.values.size()),
        .wake_p50 = Duration(static_cast<Duration::rep>(measured.wake_nanos.Median())),
        .memory_p50_bytes = measured.memory_bytes.Median()});
  }
}

}  // namespace summon::launcher
