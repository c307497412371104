// SPDX-License-Identifier: Apache-2.0
#pragma once
// What can be done before the job is known: the virtual machine, its CPU, and how guests run on it.

#include <cstdint>

#include "base/result.h"
#include "hypervisor/arch/x86_64/boot_state.h"
#include "hypervisor/kvm/machine.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/options.h"

namespace summon::hypervisor {

struct PreparedMachine {
  GuestMapping mapping;  // reserved; the machine uses it, so it goes last
  Machine machine;
  std::uint64_t tsc_hz = 0;
  CpuRing ring = CpuRing::kRing0;
  double cycles_per_instruction = 0;  // in guest ring 0; 0 when nobody asked (a mode was forced)
};

// What most guests have as memory is made known to KVM ahead of time, since that can take long (up
// to 3.7 ms under contention, measured); the rest follows when a guest has more. Trades some tens
// of KiB of KVM's tables for each waiting machine.
inline constexpr std::uint64_t kMemoryPrepared = 16ull << 20;

// A machine, its CPU told what it is and run once for nothing, and addresses for its memory, none
// of it committed. `kvm_fd` is borrowed. With kAuto the guest mode is chosen by a probe (WarmUp).
Result<PreparedMachine> Prepare(int kvm_fd, ModeChoice mode);

// Makes memory of the mapping beyond kMemoryPrepared known to KVM, when some is committed there.
Status AddRestOfMemory(PreparedMachine& prepared);

}  // namespace summon::hypervisor
