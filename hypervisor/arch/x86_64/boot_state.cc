// SPDX-License-Identifier: Apache-2.0
// Initial registers and descriptors.
#include "hypervisor/arch/x86_64/boot_state.h"

#include <cstring>

#include "hypervisor/arch/x86_64/layout.h"

namespace summon::hypervisor {

namespace {

constexpr std::uint64_t kCr0 = 0x80010021;  // PE, NE, WP, PG
constexpr std::uint64_t kCr4 = 0x620;       // PAE, OSFXSR, OSXMMEXCPT
constexpr std::uint64_t kEfer = 0xd00;      // LME, LMA, and NXE, which W^X needs
constexpr std::uint64_t kRflags = 0x2;      // the bit that is always set; IOPL 0, interrupts off

constexpr std::uint8_t kTypeCode = 0xb;  // execute, read, accessed
constexpr std::uint8_t kTypeData = 0x3;  // read, write, accessed
constexpr std::uint8_t kTypeBusyTask = 0xb;


// Descriptors with the accessed bit preset, so that loading one writes nothing.
constexpr std::uint64_t kGdt[] = {
    0,
    0x00af9b000000ffff,  // kKernelCode: 64-bit, DPL 0
    0x00cf93000000ffff,  // kKernelData
    0x00affb000000ffff,  // kUserCode: 64-bit, DPL 3
    0x00cff3000000ffff,  // kUserData
    // kTaskState: base kShimTssAddress (fits 16 bits of the base), limit, present, busy TSS
    kShimTssLimit | kShimTssAddress << 16 | 0x8bull << 40,
    0,
};
static_assert(kShimTssAddress < 0x10000);

SegmentRegister Flat(std::uint16_t selector, std::uint8_t type) {
  SegmentRegister segment;
  segment.limit = 0xffffffff;
  segment.selector = selector;
  segment.type = type;
  segment.dpl = selector & 3;
  segment.present = true;
  segment.code_or_data = true;
  segment.long_mode = type == kTypeCode;
  segment.default_big = type != kTypeCode;
  segment.granularity = true;
  return segment;
}

}  // namespace

void WriteBootGdt(const GuestMemory& memory) {
  // SAFETY: guest memory is at least kMemoryUnit, and the table lies in its second page.
  std::memcpy(memory.all().data() + kGdtAddress, kGdt, sizeof kGdt);
}

CpuState BootState(const EntryPoint& start, CpuRing ring) {
  CpuState state;
  state.cr0 = kCr0;
  state.cr3 = kPml4Address;
  state.cr4 = kCr4;
  state.efer = kEfer;
  state.gdt = {kGdtAddress, 3 * sizeof kGdt[0] - 1};
  state.task.type = kTypeBusyTask;
  state.task.present = true;
  if (ring == CpuRing::kRing0) {
    state.code = Flat(kKernelCode, kTypeCode);
    state.data = Flat(kKernelData, kTypeData);
  } else {
    state.code = Flat(kUserCode, kTypeCode);
    state.data = Flat(kUserData, kTypeData);
    state.gdt.limit = sizeof kGdt - 1;
    state.idt = {kShimIdtAddress, 32 * 16 - 1};
    state.task.base = kShimTssAddress;
    state.task.limit = kShimTssLimit;
    state.task.selector = kTaskState;
  }
  state.general.rip = start.entry;
  state.general.rflags = kRflags;
  state.general.values[kRdi] = start.boot_info;
  state.general.values[kRsp] = start.memory_bytes - 8;  // as after a call: RSP + 8 is aligned
  return state;
}

}  // namespace summon::hypervisor
