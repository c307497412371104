// SPDX-License-Identifier: Apache-2.0
// The host's clocks.
#include "base/clock.h"

#include <time.h>

namespace summon {

namespace {

std::int64_t Read(clockid_t clock) {
  timespec now;
  (void)clock_gettime(clock, &now);  // cannot fail for a clock that exists
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

Instant SystemClock::Now() const { return InstantFromNanos(Read(CLOCK_MONOTONIC)); }

std::int64_t WallNanos() { return Read(CLOCK_REALTIME); }

}  // namespace summon
