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

}  // namespace summon::launcher
