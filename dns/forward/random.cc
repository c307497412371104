// SPDX-License-Identifier: Apache-2.0
// Random octets from the kernel.
#include "dns/forward/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace summon::dns::forward {

void Random::Fill(std::span<std::uint8_t> space) {
  for (std::uint8_t& octet : space) {
    if (used_ == pool_.size()) {
      const ssize_t got = getrandom(pool_.data(), pool_.size(), 0);
      SUMMON_CHECK(got == static_cast<ssize_t>(pool_.size()));
      used_ = 0;
    }
    octet = pool_[used_];
    pool_[used_++] = 0;  // given out once
  }
}

std::uint16_t Random::Number16() {
  std::array<std::uint8_t, 2> octets;
  Fill(octets);
  return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
}

std::uint64_t Random::Number64() {
  std::array<std::uint8_t, 8> octets;
  Fill(octets);
  std::uint64_t number = 0;
  for (const std::uint8_t octet : octets) number = number << 8 | octet;
  return number;
}

}  // namespace summon::dns::forward
