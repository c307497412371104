// SPDX-License-Identifier: Apache-2.0
#pragma once
// A private copy of an image file that nobody can change between its check and its boots.

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::launcher {

// A sealed memfd with the bytes of the regular file `source`, read from its start; the file's own
// position is left alone. May block on the disk: not for the loop's thread.
// Errors: kInvalid (not a regular file, empty, or longer than `bytes_max`), kIo, kExhausted.
Result<UniqueFd> SealedCopy(int source, std::uint64_t bytes_max);

// What a layout or a snapshot may have beside the guest's memory: headers, page tables, registers.
inline constexpr std::uint64_t kMemoryFileExtraBytes = 4 << 20;

// An empty memory file that can be sealed. `name` is seen in /proc only.
Result<UniqueFd> NewMemoryFile(const char* name);

// What a memory file has, and what of it is in memory.
struct SealedSize {
  std::uint64_t bytes = 0;
  std::uint64_t memory_bytes = 0;
};
// Closes a memory file to all change. Errors: kBusy while somebody maps it writable; kInvalid when
// it is empty or longer than `bytes_max` (whoever wrote it is not trusted).
Result<SealedSize> Seal(int file, std::uint64_t bytes_max);

}  // namespace summon::launcher
