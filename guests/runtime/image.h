// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the two start-up paths share about the image and its boot information. Not for
// applications.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "guests/runtime/abi.h"

// The first byte behind the image (link.ld).
extern "C" std::byte guest_image_end[];

namespace summon::guest::image {

// Kept free below the top of memory, where the tender puts the stack pointer. The deepest path
// is lwIP answering a segment, about 2 KiB.
inline constexpr std::uint64_t kStackBytes = 64 * 1024;

// The command line without leading words for the runtime (--solo5:...).
std::string_view ApplicationWords(const char* command_line);

// The manifest's records; the index of a device is its handle.
std::span<const abi::ManifestEntry> Devices(const abi::Manifest* manifest);

// The memory between image and stack; empty when there is none.
std::span<std::byte> Heap(std::uint64_t mem_size);

}  // namespace summon::guest::image
