// SPDX-License-Identifier: Apache-2.0
#pragma once
// A table of fixed size for what the network can fill: keys are keyed hashes, so that nobody
// outside can choose where they go, and the one that was not used for the longest time makes room.

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace summon::summoner {

// `Value` is a small value with a default. Pure; all memory is taken at the construction.
template <typename Value>
class KeyedCache final {
 public:
  // `size` is rounded up to a power of two, at least kWays.
  explicit KeyedCache(std::size_t size) : sets_(std::bit_ceil(size / kWays + (size < kWays))) {}

  // What is kept under `hash`, which counts as used now; null when there is nothing (any more).
  Value* Find(std::uint64_t hash, Instant now) {
    for (Slot& slot : SetOf(hash)) {
      if (slot.key != KeyOf(hash)) continue;
      slot.used = now;
      return &slot.value;
    }
    return nullptr;
  }

  // The same; makes it when there is nothing, in place of another if need be.
  Value& FindOrMake(std::uint64_t hash, Instant now) {
    if (Value* found = Find(hash, now)) return *found;
    Slot* victim = nullptr;
    for (Slot& slot : SetOf(hash)) {
      if (victim == nullptr || slot.key == 0 || (victim->key != 0 && slot.used < victim->used)) {
        victim = &slot;
      }
    }
    *victim = {KeyOf(hash), now, Value()};
    return victim->value;
  }

  std::size_t size() const { return sets_.size() * kWays; }

 private:
  static constexpr std::size_t kWays = 4;
  struct Slot {
    std::uint64_t key = 0;  // 0: unused
    Instant used{};
    Value value{};
  };
  using Set = std::array<Slot, kWays>;

  // The lowest bits choose the set and need not be told apart inside it.
  static std::uint64_t KeyOf(std::uint64_t hash) { return hash | 1; }
  Set& SetOf(std::uint64_t hash) { return sets_[(hash >> 1) & (sets_.size() - 1)]; }

  std::vector<Set> sets_;
};

}  // namespace summon::summoner
