// SPDX-License-Identifier: Apache-2.0
// A few instructions on a page of their own.
#include "hypervisor/monitor/warm_up.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/strings.h"
#include "hypervisor/arch/x86_64/layout.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"

namespace summon::hypervisor {

namespace {

// In ring 3 this raises a general protection fault, which the shim tells of.
constexpr std::uint8_t kRing3Code[] = {0xef};  // out dx, eax

// Reports, again and again, the cycles that 50 rounds of dec and jnz take, by `out` to a port.
constexpr std::uint8_t kRing0Code[] = {
    0x0f, 0x31,                    // rdtsc
    0x48, 0xc1, 0xe2, 0x20,        // shl rdx, 32
    0x48, 0x09, 0xd0,              // or rax, rdx
    0x48, 0x89, 0xc6,              // mov rsi, rax
    0xb9, 0x32, 0x00, 0x00, 0x00,  // mov ecx, 50
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
constexpr std::uint64_t kProbeInstructions = 2 * 50;
// An interrupt of the host inflates a round; the least of a few tells the truth.
constexpr int kProbeRounds = 3;
constexpr int kProbeTriesMax = 100;

// Page tables that show the page at kWarmUpAddress at address 0: present, writable, the user's,
// accessed and dirty; the last level is a large page.
constexpr std::uint64_t kLink = 0x67;
constexpr std::uint64_t kLargePage = 0xe7;

void WriteTables(std::span<std::uint8_t> page) {
  const auto put = [page](std::uint64_t at, std::uint64_t entry) {
    // SAFETY: the tables lie below kImageFloor, and the page is kMemoryUnit long.
    std::memcpy(page.data() + at, &entry, sizeof entry);
  };
  put(kPml4Address, (kWarmUpAddress + kPdptAddress) | kLink);
  put(kPdptAddress, (kWarmUpAddress + kDirectoriesAddress) | kLink);
  put(kDirectoriesAddress, kWarmUpAddress | kLargePage);
}

// Puts `code` where it is run in `ring`.
template <std::size_t Size>
void Enter(Machine& machine, std::span<std::uint8_t> page, CpuRing ring,
           const std::uint8_t (&code)[Size]) {
  // SAFETY: the page is kMemoryUnit long, and the code lies at kImageFloor below that.
  std::memcpy(page.data() + kImageFloor, code, Size);
  CpuState state = BootState({kImageFloor, 0, kMemoryUnit}, ring);
  state.cr3 = kWarmUpAddress + kPml4Address;
  machine.SetState(state);
}

Result<VcpuExit> RunToPort(Machine& machine) {
  const VcpuExit exit = machine.Run();
  if (exit.kind == ExitKind::kPortWrite || exit.kind == ExitKind::kInterrupted) return exit;
  return Error(ErrorCode::kIo, StrCat("warm the virtual CPU up: exit of kind ",
                                      static_cast<int>(exit.kind), ", code ", exit.code));
}

// Cycles that an instruction takes in guest ring 0.
Result<double> TimeRing0(Machine& machine, std::span<std::uint8_t> page) {
  Enter(machine, page, CpuRing::kRing0, kRing0Code);
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  int told = 0;
  for (int tried = 0; told < kProbeRounds; ++tried) {
    if (tried == kProbeTriesMax) {
      return Error(ErrorCode::kIo, "probe the guest mode: signals interrupt it all the time");
    }
    const VcpuExit exit = SUMMON_TRY(RunToPort(machine));
    if (exit.kind == ExitKind::kInterrupted) continue;
    least = std::min(least, exit.value);
    ++told;
  }
  SUMMON_TRY(machine.PreRun());  // completes the access
  return static_cast<double>(least) / kProbeInstructions;
}

Status RunInRing3(Machine& machine, std::span<std::uint8_t> page) {
  Enter(machine, page, CpuRing::kRing3, kRing3Code);
  (void)SUMMON_TRY(RunToPort(machine));
  return machine.PreRun();
}

}  // namespace

Result<WarmedUp> WarmUp(Machine& machine, GuestMapping& mapping, ModeChoice mode) {
  const GuestRange range{kWarmUpAddress, kWarmUpAddress + kMemoryUnit};
  const std::span<std::uint8_t> page = SUMMON_TRY(mapping.OpenScratch(range));
  const GuestMemory memory(page);
  WriteTables(page);
  WriteBootGdt(memory);
  InstallRing3Shim(memory);
  SUMMON_TRY(machine.AddMemory(kWarmUpAddress, page));
  WarmedUp warm{mode == ModeChoice::kRing3 ? CpuRing::kRing3 : CpuRing::kRing0, 0};
  if (warm.ring == CpuRing::kRing0) {
    const double cycles = SUMMON_TRY(TimeRing0(machine, page));
    if (mode == ModeChoice::kAuto) {
      warm.cycles_per_instruction = cycles;
      if (cycles > kInterpretedCycles) warm.ring = CpuRing::kRing3;
    }
  }
  if (warm.ring == CpuRing::kRing3) SUMMON_TRY(RunInRing3(machine, page));
  SUMMON_TRY(mapping.CloseScratch(range));
  return warm;
}

}  // namespace summon::hypervisor
