// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Solo5 hypercall on x86_64: a 32-bit `out` of the argument's address. hvt only.

#include <cstdint>

#include "guests/runtime/abi.h"

namespace summon::guest {

// Traps to the tender, which reads and writes the structure at `argument`.
inline void Hypercall(abi::Call call, volatile void* argument) {
  const auto port = static_cast<std::uint16_t>(abi::kPioBase + static_cast<std::uint16_t>(call));
  // SAFETY: guest memory lies below 4 GiB and is identity mapped, so the cast loses nothing; the
  // tender may touch anything that the structure points to, hence "memory".
  const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(argument));
  asm volatile("outl %0, %1" : : "a"(address), "d"(port) : "memory");
}

}  // namespace summon::guest
