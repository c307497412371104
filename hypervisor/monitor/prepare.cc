// SPDX-License-Identifier: Apache-2.0
// Preparing a machine.
#include "hypervisor/monitor/prepare.h"

#include "hypervisor/arch/x86_64/cpuid.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/warm_up.h"

namespace summon::hypervisor {

Result<PreparedMachine> Prepare(int kvm_fd, ModeChoice mode) {
  PreparedMachine prepared{SUMMON_TRY(GuestMapping::Reserve(kGuestMemoryMax + kMemoryUnit)),
                           SUMMON_TRY(Machine::Create(kvm_fd))};
  SUMMON_TRY(prepared.machine.SetCpuid(BaselineCpuid()));
  SUMMON_TRY(prepared.machine.AddMemory(0, prepared.mapping.reserved().first(kMemoryPrepared)));
  (void)prepared.machine.ShareHostTsc();  // matters to snapshots only
  prepared.tsc_hz = SUMMON_TRY(prepared.machine.TscHz());
  SUMMON_TRY(prepared.machine.PreRun());
  const WarmedUp warm = SUMMON_TRY(WarmUp(prepared.machine, prepared.mapping, mode));
  prepared.ring = warm.ring;
  prepared.cycles_per_instruction = warm.cycles_per_instruction;
  return prepared;
}

Status AddRestOfMemory(PreparedMachine& prepared) {
  const std::span<std::uint8_t> memory = prepared.mapping.bytes();
  if (memory.size() <= kMemoryPrepared) return Ok();
  return prepared.machine.AddMemory(kMemoryPrepared, memory.subspan(kMemoryPrepared));
}

}  // namespace summon::hypervisor
