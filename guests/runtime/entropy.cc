// SPDX-License-Identifier: Apache-2.0
// RDRAND by AMD64 APM volume 3; where it is missing, or has nothing to give, the cycle counter.
#include "guests/runtime/entropy.h"

#include <cstddef>

namespace summon::guest {

namespace {

// Intel SDM volume 1, section 7.3.17.1: ten failures in a row mean that it is broken.
constexpr int kTriesMax = 10;

std::uint64_t ReadCycles() {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return std::uint64_t{high} << 32 | low;
}

bool HasRdrand() {
  constexpr std::uint32_t kRdrand = 1u << 30;  // leaf 1, ECX
  std::uint32_t a = 1, b, c = 0, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (c & kRdrand) != 0;
}

bool Rdrand(std::uint64_t& value) {
  for (int i = 0; i < kTriesMax; ++i) {
    bool good;
    asm volatile("rdrand %0" : "=r"(value), "=@ccc"(good));
    if (good) return true;
  }
  return false;
}

}  // namespace

std::array<std::uint64_t, 2> GatherSeed() {
  const bool has_rdrand = HasRdrand();
  std::array<std::uint64_t, 2> seed{};
  for (std::uint64_t& word : seed) {
    std::uint64_t drawn = 0;
    if (has_rdrand) (void)Rdrand(drawn);  // without luck the cycles are all there is
    word = drawn ^ ReadCycles();
  }
  return seed;
}

}  // namespace summon::guest
