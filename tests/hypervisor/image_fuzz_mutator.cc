// SPDX-License-Identifier: Apache-2.0
// libFuzzer's mutations, three of four by field and the rest by libFuzzer itself.
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/hypervisor/image_mutator.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                        std::size_t size_max);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  using namespace summon::hypervisor;
  Seeded random(seed);
  if (random.OneIn(4)) return LLVMFuzzerMutate(data, size, size_max);
  const std::span<std::uint8_t> image(data, size);
  (void)Mutate(image, FieldsOf(image), random);
  return size;
}
