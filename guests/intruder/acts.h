// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the intruder does with its devices. Each returns the guest's exit status.

#include <cstdint>

#include "guests/runtime/arguments.h"
#include "guests/runtime/runtime.h"

namespace summon::guest::intruder {

// The same seed does the same again (splitmix64).
class Random final {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // 0 .. limit - 1. The limit is small, so that 32 bits of the number are enough.
  std::uint32_t Below(std::uint32_t limit) {
    return static_cast<std::uint32_t>((Next() >> 32) * limit >> 32);
  }

 private:
  std::uint64_t state_;
};

struct FuzzPlan {
  std::uint64_t seed = 0;
  std::uint64_t calls = 0;
};

// Makes `plan.calls` random calls that a tender answers, writes the count to the first sector of
// "disk", and then one call for which it must end the guest.
int Fuzz(Machine& machine, const FuzzPlan& plan);

// Sends `count` frames in others' names, of every kind in turn, then one in its own name from
// `address` to UDP port kHonestPort of `gateway`.
struct ForgePlan {
  std::uint64_t count = 0;
  Ipv4 address;
  Ipv4 gateway;
};
inline constexpr std::uint16_t kHonestPort = 4000;
int Forge(Machine& machine, const ForgePlan& plan);

}  // namespace summon::guest::intruder
