// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ring-3 mode: runs an unmodified hvt image in guest ring 3, behind a small trap shim.
//
// Why: some KVMs (a software "PVM", as inside many cloud VMs) run guest ring 3 natively but
// interpret guest ring 0, some 5,000 times slower and without SSE arithmetic. Solo5 guests believe
// that they are in ring 0, but do little that needs it: start-up (descriptor tables, task
// register, a far return, FS base), hypercalls, and handling their own traps.
//
// How: the monitor puts an interrupt table, 32 stubs, a task state and a stack into low pages that
// only guest ring 0 can reach. A privileged instruction raises #GP; the stub pushes the vector and
// exits by `out`; the monitor decodes the instruction, does what ring 0 would have done, edits the
// trap frame, and lets the stub return (35 us a trap on such a KVM). Start-up code has several such
// instructions in a row, with a few plain ones between: the monitor does those on the way, so that
// a start costs one or two traps instead of eight. Any other exception is handed
// to the guest's own interrupt table as the CPU would have, so its trap reports look as always.
// Only listed forms of instructions are decoded: all else is the guest's own exception.
//
// Hypercalls need no trap: the task state's map of I/O ports opens theirs to ring 3, so that an
// `out` to one leaves the guest at once, as it does in ring 0. (A KVM that ignores the map raises
// #GP, which is served as well.)

#include <cstdint>

#include "hypervisor/arch/x86_64/cpu.h"
#include "hypervisor/arch/x86_64/guest_mode.h"
#include "hypervisor/arch/x86_64/instruction.h"
#include "hypervisor/arch/x86_64/layout.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

// Writes interrupt table, stubs and task state to the addresses of layout.h.
void InstallRing3Shim(const GuestMemory& memory);

// Where a stub exits to; no hypercall's port.
inline constexpr std::uint16_t kShimPort = 0xe0;

// What a stub leaves at the top of the shim's stack.
struct TrapFrame {
  std::uint64_t vector;
  std::uint64_t error_code;
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
};
inline constexpr std::uint64_t kTrapFrameAddress = kShimStackEnd - sizeof(TrapFrame);

// What the mode remembers of its guest, beside what lies in memory and registers; part of a
// snapshot.
struct Ring3State {
  TableRegister gdt{};  // what the guest loaded
  TableRegister idt{};
  std::uint64_t task_state = 0;     // 0: none
  std::uint64_t fault_address = 0;  // of the last page fault handed to the guest
  std::uint64_t in_trap = 0;        // 1: the CPU is in the shim, the guest's place in the frame
};

// Borrows both.
class Ring3Mode final : public GuestMode {
 public:
  Ring3Mode(const GuestMemory& memory, CpuAccess& cpu) : memory_(memory), cpu_(cpu) {}
  Step Interpret(const VcpuExit& exit) override;
  GeneralRegisters GuestRegisters() const override;

  const Ring3State& state() const { return state_; }
  void SetState(const Ring3State& state) { state_ = state; }

 private:
  Step Trap();
  // #GP: a hypercall, something to do for the guest, or its own fault.
  Step GeneralProtection(TrapFrame& frame);
  Step PortInstruction(TrapFrame& frame, const DecodedInstruction& instruction) const;
  // Does the instructions that follow one that was emulated, as long as they are of known forms.
  void Follow(TrapFrame& frame);
  bool DoPlain(TrapFrame& frame, const PlainInstruction& instruction);
  // True when the instruction has been done; false when it is the guest's fault.
  bool Emulate(TrapFrame& frame, const DecodedInstruction& instruction);
  bool LoadTable(const DecodedInstruction& instruction, TableRegister& table) const;
  bool LoadTaskRegister(const DecodedInstruction& instruction);
  bool FarReturn(TrapFrame& frame) const;
  bool InterruptReturn(TrapFrame& frame) const;
  bool WriteMsr() const;
  void ReadFaultAddress(TrapFrame& frame, const DecodedInstruction& instruction);
  // Hands the exception to the guest's own interrupt table.
  Step Reflect(TrapFrame& frame);

  const GuestMemory& memory_;
  CpuAccess& cpu_;
  // Of the trap being handled, with the guest's own stack pointer and instruction pointer.
  GeneralRegisters registers_{};
  bool registers_changed_ = false;
  Ring3State state_;
};

}  // namespace summon::hypervisor
