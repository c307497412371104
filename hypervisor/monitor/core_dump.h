// SPDX-License-Identifier: Apache-2.0
#pragma once
// ELF core files of guests: registers and memory of one that ended badly, for a debugger.
//
// The file is as Solo5's own tender writes it: one PT_NOTE with NT_PRSTATUS, one PT_LOAD with all
// of guest memory at address 0. The monitor opens nothing: the file came with the job. It is
// written when the guest is over and the sandbox closed, so nothing here allocates.

#include <array>
#include <cstdint>
#include <span>

#include "hypervisor/abi/hypercall.h"
#include "hypervisor/arch/x86_64/cpu.h"
#include "hypervisor/control/detail.h"

namespace summon::hypervisor {

struct CoreRegisters {
  GeneralRegisters general;
  SegmentValues segments;
};

// What a debugger says that ended the guest.
enum class CoreSignal : std::int16_t { kAbort = 6, kSegmentationFault = 11 };

// Memory begins at this offset in the file: on a page, as debuggers like to map it.
inline constexpr std::uint64_t kCoreMemoryOffset = 4096;
// ELF header, two program headers, and the note: a name of 8 bytes and a prstatus of 336.
inline constexpr std::size_t kCoreHeadersSize = 64 + 2 * 56 + 12 + 8 + 336;
static_assert(kCoreHeadersSize <= kCoreMemoryOffset);

struct CoreSubject {
  CoreRegisters registers;
  CoreSignal signal = CoreSignal::kAbort;
  std::uint64_t memory_bytes = 0;
};

// The file's first bytes. Pure.
std::array<std::uint8_t, kCoreHeadersSize> CoreHeaders(const CoreSubject& subject);

// Where the trap was, over where the CPU has got to since: a guest's own handler has run.
void ApplyTrap(const TrapCookieX86& trap, CoreRegisters& registers);

// Whether `end` is worth a core: a fault, or an abort.
bool LeavesCore(const End& end);

// Writes the file `fd`, which is empty. Pages of zeroes are left out (holes); the last page never
// is, so that the file has its full size. The headers are written last: a file that begins with
// ELF's magic is complete. Returns 0 or an errno.
int WriteCore(int fd, const CoreSubject& subject, std::span<const std::uint8_t> memory);

}  // namespace summon::hypervisor
