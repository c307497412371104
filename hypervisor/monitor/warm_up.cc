// SPDX-License-Identifier: Apache-2.0
// One instruction on a page of its own.
#include "hypervisor/monitor/warm_up.h"

#include <cstring>

#include "base/strings.h"
#include "hypervisor/arch/x86_64/layout.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"

namespace summon::hypervisor {

namespace {

// In ring 3 this raises a general protection fault, which the shim tells of.
constexpr std::uint8_t kCode[] = {0xef};  // out dx, eax

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

}  // namespace

Status WarmUp(Machine& machine, GuestMapping& mapping, CpuRing ring) {
  const GuestRange range{kWarmUpAddress, kWarmUpAddress + kMemoryUnit};
  const std::span<std::uint8_t> page = SUMMON_TRY(mapping.OpenScratch(range));
  const GuestMemory memory(page);
  WriteTables(page);
  WriteBootGdt(memory);
  if (ring == CpuRing::kRing3) InstallRing3Shim(memory);
  // SAFETY: the page is kMemoryUnit long, and the code lies at kImageFloor below that.
  std::memcpy(page.data() + kImageFloor, kCode, sizeof kCode);
  SUMMON_TRY(machine.AddMemory(kWarmUpAddress, page));
  CpuState state = BootState({kImageFloor, 0, kMemoryUnit}, ring);
  state.cr3 = kWarmUpAddress + kPml4Address;
  machine.SetState(state);
  const VcpuExit exit = machine.Run();
  if (exit.kind != ExitKind::kPortWrite) {
    return Error(ErrorCode::kIo, StrCat("warm the virtual CPU up: exit of kind ",
                                        static_cast<int>(exit.kind), ", code ", exit.code));
  }
  SUMMON_TRY(machine.PreRun());  // completes the access
  return mapping.CloseScratch(range);
}

}  // namespace summon::hypervisor
