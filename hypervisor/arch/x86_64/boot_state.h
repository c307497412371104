// SPDX-License-Identifier: Apache-2.0
#pragma once
// The state of the CPU when a guest's first instruction runs, as the Solo5 hvt ABI says, and the
// descriptor table that goes with it.

#include <cstdint>

#include "hypervisor/arch/x86_64/cpu.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

enum class CpuRing { kRing0, kRing3 };

struct EntryPoint {
  std::uint64_t entry = 0;
  std::uint64_t boot_info = 0;  // the entry point's argument
  std::uint64_t memory_bytes = 0;
};

// Writes the boot GDT at kGdtAddress.
void WriteBootGdt(const GuestMemory& memory);

// Long mode with paging, NX and SSE; flat segments of `ring`; the stack at the end of memory.
CpuState BootState(const EntryPoint& start, CpuRing ring);

}  // namespace summon::hypervisor
