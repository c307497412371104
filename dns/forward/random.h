// SPDX-License-Identifier: Apache-2.0
#pragma once
// Octets that nobody outside can predict, for ids and for the case of letters: an off-path forger's
// only way in is to guess them.

#include <array>
#include <cstdint>
#include <span>

namespace summon::dns::forward {

class Random final {
 public:
  Random() = default;
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;

  // From the kernel's generator, fetched some at a time.
  void Fill(std::span<std::uint8_t> space);
  std::uint16_t Number16();
  std::uint64_t Number64();

 private:
  std::array<std::uint8_t, 256> pool_{};  // getrandom() gives as many at once, uninterrupted
  std::size_t used_ = 256;
};

}  // namespace summon::dns::forward
