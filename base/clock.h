// SPDX-License-Identifier: Apache-2.0
#pragma once
// Instants and clocks. Time is always a parameter (`Instant now`) or an injected Clock.
//
// Instants are CLOCK_MONOTONIC in nanoseconds, so that stamps taken by different processes of one
// host can be compared (a waterfall spans three processes) and a step of the wall clock moves
// no deadline. Wall time is only ever shown to people.

#include <chrono>
#include <cstdint>

namespace summon {

using Duration = std::chrono::nanoseconds;

struct MonotonicTimebase {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicTimebase>;
  static constexpr bool is_steady = true;
};

using Instant = MonotonicTimebase::time_point;

// An instant that is later than any other.
inline constexpr Instant kNever = Instant::max();

inline constexpr Instant InstantFromNanos(std::int64_t nanos) { return Instant(Duration(nanos)); }
inline constexpr std::int64_t ToNanos(Instant at) { return at.time_since_epoch().count(); }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
};

// The host's CLOCK_MONOTONIC. Any thread.
class SystemClock final : public Clock {
 public:
  Instant Now() const override;
};

// Wall-clock time in nanoseconds since 1970, for people, guests and signatures, not for intervals.
std::int64_t WallNanos();

}  // namespace summon
