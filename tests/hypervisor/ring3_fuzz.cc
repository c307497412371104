// SPDX-License-Identifier: Apache-2.0
// Traps of a hostile ring-3 guest: registers, trap frame and memory from the input. Only memory
// that the guest may write, and the trap frame, change; ASan sees every step beyond.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"

namespace h = summon::hypervisor;

namespace {

class FuzzCpu final : public h::CpuAccess {
 public:
  h::GeneralRegisters Registers() override { return registers; }
  void SetRegisters(const h::GeneralRegisters& changed) override { registers = changed; }
  std::uint64_t FaultAddress() override { return registers.values[15]; }
  bool WriteMsr(std::uint32_t, std::uint64_t value) override { return (value & 1) != 0; }
  h::GeneralRegisters registers{};
};

constexpr std::uint64_t kMemorySize = 0x14000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(kMemorySize);
  h::GuestMemory memory(bytes);
  if (!memory.AddReadOnly({0x10000, 0x11000}).ok()) std::abort();
  summon::ByteReader input({data, size});
  FuzzCpu cpu;
  for (std::uint64_t& value : cpu.registers.values) {
    // Small numbers mostly, so that they are addresses.
    value = 0x10000 + input.Read<std::uint16_t>().value_or(0);
  }
  cpu.registers.values[h::kRsp] = h::kTrapFrameAddress;
  h::InstallRing3Shim(memory);
  const auto traps = input.U8().value_or(0) % 8;
  std::vector<h::TrapFrame> frames;
  for (int i = 0; i < traps; ++i) {
    const std::uint8_t vector = input.U8().value_or(13) % 40;
    const auto rip = input.Read<std::uint16_t>().value_or(0);
    const auto rsp = input.Read<std::uint16_t>().value_or(0);
    frames.push_back({vector, rip, 0x10000ull + rip, h::kUserCode, 2, 0x10000ull + rsp,
                      h::kUserData});
  }
  const auto fill = input.Take(std::min<std::size_t>(input.remaining(), kMemorySize - 0x10000));
  std::copy(fill->begin(), fill->end(), bytes.begin() + 0x10000);
  h::Ring3Mode mode(memory, cpu);
  const std::vector<std::uint8_t> before(bytes.begin(), bytes.begin() + 0x11000);
  h::VcpuExit exit;
  exit.kind = h::ExitKind::kPortWrite;
  exit.port = h::kShimPort;
  for (const h::TrapFrame& frame : frames) {
    std::memcpy(bytes.data() + h::kTrapFrameAddress, &frame, sizeof frame);
    cpu.registers.values[h::kRsp] = h::kTrapFrameAddress;
    (void)mode.Interpret(exit);
    std::memcpy(bytes.data() + h::kTrapFrameAddress, before.data() + h::kTrapFrameAddress,
                sizeof frame);
  }
  if (!std::equal(before.begin(), before.end(), bytes.begin())) std::abort();
  return 0;
}
