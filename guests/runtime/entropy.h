// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random numbers of the processor, for keys. A call costs a CPUID, which may leave the virtual
// machine: not for every packet.

#include <array>
#include <cstdint>

namespace summon::guest {

// From RDRAND. A processor without it gives its cycle counter, which an attacker who saw the
// guest start can narrow down to some 30 bits: better than a constant, and no more.
std::array<std::uint64_t, 2> GatherSeed();

}  // namespace summon::guest
