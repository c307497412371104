// SPDX-License-Identifier: Apache-2.0
#pragma once
// What must hold of the loader for any bytes at all: it refuses them with a reason, or gives a
// plan that keeps every rule and can be carried out.

#include <cstdint>
#include <span>

#include "hypervisor/loader/image.h"

namespace summon::hypervisor {

enum class Verdict { kRefused, kTooLarge, kLoaded };

// Parses `bytes` for `target` and, when they pass, lays the image out in `memory`. A broken promise
// aborts the program.
Verdict TryImage(Bytes bytes, Target target, std::span<std::uint8_t> memory);

}  // namespace summon::hypervisor
