// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random numbers that are the same on every machine and with every library: splitmix64
// (Steele, Lea and Flood 2014). A failure names its seed, and the seed replays it.

#include <cstdint>

namespace summon::hypervisor {

class Seeded final {
 public:
  explicit Seeded(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // 0 .. limit - 1; `limit` is not 0.
  std::uint64_t Below(std::uint64_t limit) { return Next() % limit; }
  bool OneIn(std::uint64_t count) { return Below(count) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace summon::hypervisor
