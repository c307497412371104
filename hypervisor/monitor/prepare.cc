// SPDX-License-Identifier: Apache-2.0
// Preparing a machine, and the probe for the guest mode.
#include "hypervisor/monitor/prepare.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/strings.h"
#include "hypervisor/arch/x86_64/cpuid.h"
#include "hypervisor/arch/x86_64/page_tables.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/warm_up.h"

namespace summon::hypervisor {

namespace {

// Reports, again and again, the cycles that 200 rounds of dec and jnz take, by `out` to a port.
constexpr std::uint8_t kProbeCode[] = {
    0x0f, 0x31,                    // rdtsc
    0x48, 0xc1, 0xe2, 0x20,        // shl rdx, 32
    0x48, 0x09, 0xd0,              // or rax, rdx
    0x48, 0x89, 0xc6,              // mov rsi, rax
    0xb9, 0xc8, 0x00, 0x00, 0x00,  // mov ecx, 200
    0xff, 0xc9,                    // dec ecx
    0x75, 0xfc,                    // jnz to the dec
    0x0f, 0x31,                    // rdtsc
    0x48, 0xc1, 0xe2, 0x20,        // shl rdx, 32
    0x48, 0x09, 0xd0,              // or rax, rdx
    0x48, 0x29, 0xf0,              // sub rax, rsi
    0xba, 0x08, 0x05, 0x00, 0x00,  // mov edx, 0x508
    0xef,                          // out dx, eax
    0xeb, 0xd7,                    // jmp to the start
};
constexpr std::uint64_t kProbeInstructions = 2 * 200;
// An interrupt of the host inflates a round; the least of a few tells the truth.
constexpr int kProbeRounds = 3;

Result<Machine> NewMachine(int kvm_fd) {
  Machine machine = SUMMON_TRY(Machine::Create(kvm_fd));
  SUMMON_TRY(machine.SetCpuid(BaselineCpuid()));
  return machine;
}

}  // namespace

Result<RingProbe> ProbeRing(int kvm_fd) {
  // The mapping is declared first: it outlives the machine that uses it.
  const GuestMapping mapping = SUMMON_TRY(GuestMapping::Create(kMemoryUnit));
  Machine machine = SUMMON_TRY(NewMachine(kvm_fd));
  const GuestMemory memory(mapping.bytes());
  const Segment code{.guest_address = kImageFloor, .memory_size = sizeof kProbeCode,
                     .readable = true, .executable = true};
  // SAFETY: the mapping is kMemoryUnit long, and the code lies at kImageFloor below that.
  std::memcpy(mapping.bytes().data() + kImageFloor, kProbeCode, sizeof kProbeCode);
  SUMMON_TRY(BuildPageTables(memory, {.segments = {&code, 1}, .owner = PageOwner::kSupervisor}));
  WriteBootGdt(memory);
  SUMMON_TRY(machine.AddMemory(0, mapping.bytes()));
  machine.SetState(BootState({kImageFloor, 0, memory.size()}, CpuRing::kRing0));
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (int round = 0; round < kProbeRounds; ++round) {
    const VcpuExit exit = machine.Run();
    if (exit.kind == ExitKind::kInterrupted) continue;
    if (exit.kind != ExitKind::kPortWrite) {
      return Error(ErrorCode::kIo, StrCat("probe the guest mode: exit of kind ",
                                          static_cast<int>(exit.kind), ", code ", exit.code));
    }
    least = std::min(least, exit.value);
  }
  const bool interpreted = least > kProbeInstructions * kInterpretedCycles;
  return RingProbe{interpreted ? CpuRing::kRing3 : CpuRing::kRing0,
                   static_cast<double>(least) / kProbeInstructions};
}

Result<PreparedMachine> Prepare(int kvm_fd, ModeChoice mode) {
  CpuRing ring = mode == ModeChoice::kRing3 ? CpuRing::kRing3 : CpuRing::kRing0;
  if (mode == ModeChoice::kAuto) ring = SUMMON_TRY(ProbeRing(kvm_fd)).ring;
  PreparedMachine prepared{SUMMON_TRY(GuestMapping::Reserve(kGuestMemoryMax + kMemoryUnit)),
                           SUMMON_TRY(NewMachine(kvm_fd)), 0, ring};
  SUMMON_TRY(prepared.machine.AddMemory(0, prepared.mapping.reserved().first(kMemoryPrepared)));
  (void)prepared.machine.ShareHostTsc();  // matters to snapshots only
  prepared.tsc_hz = SUMMON_TRY(prepared.machine.TscHz());
  SUMMON_TRY(prepared.machine.PreRun());
  SUMMON_TRY(WarmUp(prepared.machine, prepared.mapping, ring));
  return prepared;
}

Status AddRestOfMemory(PreparedMachine& prepared) {
  const std::span<std::uint8_t> memory = prepared.mapping.bytes();
  if (memory.size() <= kMemoryPrepared) return Ok();
  return prepared.machine.AddMemory(kMemoryPrepared, memory.subspan(kMemoryPrepared));
}

}  // namespace summon::hypervisor
