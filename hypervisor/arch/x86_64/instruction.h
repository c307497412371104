// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decodes the few privileged instructions that ring-3 mode stands in for, and the few plain ones
// that stand between them in start-up code; no others.

#include <cstdint>
#include <optional>
#include <span>

#include "hypervisor/arch/x86_64/cpu.h"

namespace summon::hypervisor {

// No x86 instruction is longer (AMD64 APM volume 3, section 1.1).
inline constexpr std::size_t kInstructionSizeMax = 15;

enum class Privileged : std::uint8_t {
  kOut,          // out dx, eax/ax/al and out imm8
  kIn,           // in, either form
  kStringIo,     // ins, outs
  kLoadGdt,      // lgdt [memory]
  kLoadIdt,      // lidt [memory]
  kLoadTask,     // ltr register or [memory]
  kLoadSegment,  // mov segment register, register or [memory]
  kFarReturn,    // retf with a 64-bit operand
  kInterruptReturn,  // iretq
  kWriteMsr,     // wrmsr
  kReadCr2,      // mov register, cr2
  kSetInterrupts,  // cli, sti
  kHalt,         // hlt
};

struct DecodedInstruction {
  Privileged kind{};
  std::uint8_t length = 0;
  std::uint8_t size = 0;      // of an I/O operand, in bytes
  bool immediate = false;     // I/O: the port is `port`, not DX
  std::uint8_t port = 0;
  bool memory = false;        // the operand is at `address`, not in register `operand`
  std::uint64_t address = 0;
  std::uint8_t operand = 0;   // a register's number
};

// The instruction at the start of `code`, which lies at `registers.rip`; nothing when it is none
// of the above or is cut off.
std::optional<DecodedInstruction> Decode(std::span<const std::uint8_t> code,
                                         const GeneralRegisters& registers);

// A plain instruction: a value, which the registers already tell, goes into a register or onto the
// stack. Forms: mov of an immediate or a register, lea, and push, all but with 16-bit operands.
struct PlainInstruction {
  std::uint8_t length = 0;
  bool push = false;        // onto the stack, else into register `target`
  std::uint8_t target = 0;  // a register's number
  std::uint64_t value = 0;  // 32-bit results are zero-extended, as the CPU does
};

// Likewise for plain instructions.
std::optional<PlainInstruction> DecodePlain(std::span<const std::uint8_t> code,
                                            const GeneralRegisters& registers);

}  // namespace summon::hypervisor
