// SPDX-License-Identifier: Apache-2.0
#pragma once
// A clock that moves when a test says so.

#include "base/check.h"
#include "base/clock.h"

namespace summon::fakes {

class FakeClock final : public Clock {
 public:
  Instant Now() const override { return now_; }

  void Advance(Duration by) { now_ += by; }
  // Time never goes back.
  void Set(Instant at) {
    SUMMON_CHECK(at >= now_);
    now_ = at;
  }

 private:
  Instant now_ = InstantFromNanos(1'000'000'000);  // not zero: a zero stamp is a forgotten one
};

}  // namespace summon::fakes
