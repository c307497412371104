// SPDX-License-Identifier: Apache-2.0
#pragma once
// What CPUID tells a guest: a small, fixed baseline.
//
// Asking KVM what it could show takes 0.31 ms a start (measured on the development machine), a
// third of a cold boot; and a guest that was told little runs on any host. So the leaves are a
// table: long mode and SSE2 as every x86_64 has them, plus RDRAND and the width of addresses as
// the host itself has them.

#include <array>
#include <cstdint>
#include <span>

namespace summon::hypervisor {

struct CpuidLeaf {
  std::uint32_t function = 0;
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
};

inline constexpr std::size_t kCpuidLeaves = 7;

// Executes CPUID on this host: some microseconds, or some tens inside a VM; not for the hot path.
std::array<CpuidLeaf, kCpuidLeaves> BaselineCpuid();

}  // namespace summon::hypervisor
