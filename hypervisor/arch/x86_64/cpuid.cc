// SPDX-License-Identifier: Apache-2.0
// The CPUID leaves.
#include "hypervisor/arch/x86_64/cpuid.h"

#include <cpuid.h>

namespace summon::hypervisor {

namespace {

// Bits by AMD64 APM volume 3, appendix E.
constexpr std::uint32_t kLeaf1Cx16 = 1u << 13;
constexpr std::uint32_t kLeaf1Rdrand = 1u << 30;
constexpr std::uint32_t kLeaf1Hypervisor = 1u << 31;
// FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2
constexpr std::uint32_t kLeaf1Edx = 0x078bfbff;
// As leaf 1 where it repeats it, with SYSCALL, NX and long mode; without 1 GiB pages.
constexpr std::uint32_t kExtendedEdx = 0x21d3fbff;
constexpr std::uint32_t kExtendedLahf = 1u << 0;
constexpr std::uint32_t kInvariantTsc = 1u << 8;
constexpr std::uint32_t kClflushSize = 8u << 8;   // 64 bytes
constexpr std::uint32_t kLinearBits48 = 48u << 8;  // four levels of tables
constexpr std::uint32_t kPhysicalBitsUsual = 48;

struct Registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers Host(std::uint32_t function) {
  Registers r;
  if (__get_cpuid(function, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

}  // namespace

std::array<CpuidLeaf, kCpuidLeaves> BaselineCpuid() {
  const Registers vendor = Host(0);
  const Registers host = Host(1);
  const std::uint32_t physical_bits = Host(0x80000008).eax & 0xff;
  return {{
      // Guests look at the vendor to choose between equivalent instructions: tell the truth.
      {0, 7, vendor.ebx, vendor.ecx, vendor.edx},
      {1, host.eax, kClflushSize, kLeaf1Cx16 | kLeaf1Hypervisor | (host.ecx & kLeaf1Rdrand),
       kLeaf1Edx},
      {7, 0, 0, 0, 0},
      {0x80000000, 0x80000008, vendor.ebx, vendor.ecx, vendor.edx},
      {0x80000001, 0, 0, kExtendedLahf, kExtendedEdx},
      {0x80000007, 0, 0, 0, kInvariantTsc},
      {0x80000008, kLinearBits48 | (physical_bits != 0 ? physical_bits : kPhysicalBitsUsual), 0, 0,
       0},
  }};
}

}  // namespace summon::hypervisor
