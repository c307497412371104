// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mutations of Solo5 images that know the format: the ELF header, the program headers, the notes
// and the manifest are changed field by field, so that what comes out gets deep into the loader
// instead of failing at the magic number. Used by the seeded run and by libFuzzer.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/hypervisor/seeded.h"

namespace summon::hypervisor {

// A number in an image that the loader looks at.
struct ImageField {
  std::size_t offset = 0;
  std::size_t size = 0;  // 1, 2, 4 or 8
};

// The fields of `image` as its own headers place them; at most kImageFieldsMax, all inside.
// Total: `image` may be anything.
inline constexpr std::size_t kImageFieldsMax = 2048;
std::vector<ImageField> FieldsOf(std::span<const std::uint8_t> image);

// Bytes as they were before a mutation.
struct ImageChange {
  std::size_t offset = 0;
  std::vector<std::uint8_t> before;
};

// Changes `image` in one to kMutationsMax places, as `random` says. Gives what to write back, last
// change first, to have the image as it was.
inline constexpr std::uint64_t kMutationsMax = 4;
std::vector<ImageChange> Mutate(std::span<std::uint8_t> image,
                                std::span<const ImageField> fields, Seeded& random);
void Undo(std::span<std::uint8_t> image, std::span<const ImageChange> changes);

}  // namespace summon::hypervisor
