// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the monitor puts its own tables in low guest memory, on x86_64.
//
// Solo5 leaves everything below 0x10000 to the monitor and lets the guest see none of it. The
// boot area (hypervisor/abi/boot_area.h) begins at 0x10000 and is far smaller than the 64 KiB up
// to kMoreTables; between there and the image's floor the monitor keeps further page tables.

#include <cstdint>

#include "hypervisor/abi/solo5.h"

namespace summon::hypervisor {

inline constexpr std::uint64_t kGdtAddress = 0x1000;
inline constexpr std::uint64_t kPml4Address = 0x2000;
inline constexpr std::uint64_t kPdptAddress = 0x3000;
inline constexpr std::uint64_t kDirectoriesAddress = 0x4000;  // four, for 4 GiB
inline constexpr std::uint64_t kFirstTableAddress = 0x8000;   // for the first 2 MiB

// Only in ring-3 mode.
inline constexpr std::uint64_t kShimIdtAddress = 0x9000;
inline constexpr std::uint64_t kShimCodeAddress = 0xa000;
inline constexpr std::uint64_t kShimTssAddress = 0xb000;
// A 64-bit task state, and its map of I/O ports up to those of hypercalls (ring3_shim.h).
inline constexpr std::uint16_t kShimPortMapOffset = 0x68;
inline constexpr std::uint16_t kShimPortMapPorts = 0x518;
inline constexpr std::uint16_t kShimTssLimit = kShimPortMapOffset + kShimPortMapPorts / 8 - 1;
inline constexpr std::uint64_t kShimStackAddress = 0xc000;
inline constexpr std::uint64_t kShimStackEnd = 0xd000;

inline constexpr std::uint64_t kMoreTables = 0x20000;
inline constexpr std::uint64_t kMoreTablesEnd = kImageFloor;

// The descriptor table: null, then a ring-0 pair as the ABI says; ring-3 mode adds its own pair
// and the task state (two slots).
inline constexpr std::uint16_t kKernelCode = 0x08;
inline constexpr std::uint16_t kKernelData = 0x10;
inline constexpr std::uint16_t kUserCode = 0x18 | 3;
inline constexpr std::uint16_t kUserData = 0x20 | 3;
inline constexpr std::uint16_t kTaskState = 0x28;

}  // namespace summon::hypervisor
