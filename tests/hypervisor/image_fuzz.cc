// SPDX-License-Identifier: Apache-2.0
// Any bytes at all as an image: parsed for both targets, and laid out in memory when they pass.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/hypervisor/image_trial.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace summon::hypervisor;
  constexpr std::size_t kMemoryBytes = 2u << 20;
  static std::vector<std::uint8_t> memory(kMemoryBytes);  // not cleared between inputs: 2 MiB each
  (void)TryImage({data, size}, Target::kHvt, memory);
  (void)TryImage({data, size}, Target::kSpt, memory);
  return 0;
}
