// SPDX-License-Identifier: Apache-2.0
#pragma once
// The first instruction of a machine, run before there is a guest.
//
// KVM makes much of what it needs for a virtual CPU when that first runs code: caches, shadow
// structures, and on a KVM in software the switch between rings. Measured there: the first real
// exit of a machine took 134 us, and 40 us after a warm-up (83 and 9 us in ring 0).
//
// The warm-up runs on pages of its own beyond all guest memory, because KVM keeps what it learned
// of page tables by their guest address: a guest's tables must not lie where the warm-up's were.

#include "hypervisor/arch/x86_64/boot_state.h"
#include "hypervisor/kvm/machine.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/options.h"

namespace summon::hypervisor {

// Where in the mapping, and in the guest's physical address space, the warm-up lies: one
// kMemoryUnit, which is reserved beyond the largest guest. Nothing is there before or afterwards,
// and it stays reserved, so that a guest that makes tables of its own reaches nothing through it.
inline constexpr std::uint64_t kWarmUpAddress = kGuestMemoryMax;

// What the warm-up found, and what the machine is warm for.
struct WarmedUp {
  CpuRing ring = CpuRing::kRing0;
  double cycles_per_instruction = 0;  // of the time-stamp counter, in guest ring 0; with kAuto
};

// Ring 3 is chosen when this KVM takes more than this for an instruction in guest ring 0, which
// shows that it interprets them (measured: about 1,600 cycles; a real CPU takes one).
inline constexpr double kInterpretedCycles = 300;

// Runs code in the mode that `mode` wants; with kAuto it is timed in ring 0 first, which tells the
// mode (0.1 ms where ring 0 is interpreted, nothing elsewhere). Part of the preparation.
Result<WarmedUp> WarmUp(Machine& machine, GuestMapping& mapping, ModeChoice mode);

}  // namespace summon::hypervisor
