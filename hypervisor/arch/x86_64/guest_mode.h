// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a guest runs on the virtual CPU, and what its exits mean.
//
// kRing0: as the Solo5 ABI says; an `out` to a hypercall port leaves the guest at once.
// kRing3: for hosts whose KVM interprets guest ring 0 at a millionth of a second an instruction
//   and does not know SSE there (see ring3_shim.h); the unmodified image runs in ring 3.
// Both turn an exit into one Step, so that the loop around them is the same.

#include <cstdint>
#include <variant>

#include "hypervisor/abi/hypercall.h"
#include "hypervisor/arch/x86_64/boot_state.h"
#include "hypervisor/arch/x86_64/cpu.h"
#include "hypervisor/control/detail.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

// Hypercalls are 32-bit writes to these I/O ports.
inline constexpr std::uint8_t kHypercallSize = 4;
inline constexpr std::uint16_t kHypercallFirst = kHypercallPortBase + 1;
inline constexpr std::uint16_t kHypercallLast =
    kHypercallPortBase + static_cast<std::uint16_t>(Hypercall::kHalt);

// The guest goes on.
struct Resume {};
// The guest made a hypercall; it goes on when that is served.
struct HypercallRequest {
  Hypercall number{};
  std::uint64_t argument = 0;
};
using Step = std::variant<Resume, HypercallRequest, End>;

class GuestMode {
 public:
  virtual ~GuestMode() = default;
  // What `exit` means. May change the CPU's registers.
  virtual Step Interpret(const VcpuExit& exit) = 0;
  // The guest's own registers at the exit that was interpreted last.
  virtual GeneralRegisters GuestRegisters() const = 0;
};

// The ABI's own mode. Borrows both.
class Ring0Mode final : public GuestMode {
 public:
  Ring0Mode(const GuestMemory& memory, CpuAccess& cpu) : memory_(memory), cpu_(cpu) {}
  Step Interpret(const VcpuExit& exit) override;
  GeneralRegisters GuestRegisters() const override { return cpu_.Registers(); }

 private:
  const GuestMemory& memory_;
  CpuAccess& cpu_;
};

// A hypercall made through `port` with a value of `size` bytes; an end when it is none.
Step PortStep(const VcpuExit& exit);

// The end of a guest for an exit that no guest may cause, in any mode: what happened, where, and
// the machine code there.
End DescribeExit(const VcpuExit& exit, const GuestMemory& memory, CpuAccess& cpu, CpuRing ring);

// Adds ` at rip=...` and up to eight bytes of machine code there, as far as the guest has them.
void AddPlace(Detail& detail, std::uint64_t rip, const GuestMemory& memory);

}  // namespace summon::hypervisor
