// SPDX-License-Identifier: Apache-2.0
// Traps of a ring-3 guest.
#include "hypervisor/arch/x86_64/ring3_shim.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace summon::hypervisor {

namespace {

constexpr unsigned kVectors = 32;
constexpr std::uint64_t kStubSize = 16;
constexpr std::uint64_t kBreakpoint = 3;
constexpr std::uint64_t kGeneralProtection = 13;
constexpr std::uint64_t kPageFault = 14;
constexpr std::uint64_t kPageFaultByUser = 1 << 2;  // in a page fault's error code

// What a guest in ring 0 finds in its trap frames.
constexpr std::uint64_t kGuestCode = kKernelCode;
constexpr std::uint64_t kGuestData = kKernelData;

// RFLAGS: what entering a handler clears (TF, IF, NT, RF), and what iretq may set in ring 3.
constexpr std::uint64_t kClearedByTrap = 1ull << 8 | 1ull << 9 | 1ull << 14 | 1ull << 16;
constexpr std::uint64_t kFlagsOfRing3 = 0x0024'4dd5;  // CF PF AF ZF SF TF DF OF NT AC ID
constexpr std::uint64_t kFlagsAlways = 0x2;

constexpr std::uint32_t kMsrFsBase = 0xc0000100;
constexpr std::uint32_t kMsrGsBase = 0xc0000101;

bool HasErrorCode(std::uint64_t vector) {  // AMD64 APM volume 2, table 8-1
  return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

// A descriptor of 16 bytes, as IDT gates and task states have it.
struct WideDescriptor {
  std::uint64_t low;
  std::uint64_t high;
};

// What lies on the guest's stack.
struct FarReturnFrame {
  std::uint64_t rip;
  std::uint64_t cs;
};
struct InterruptFrame {
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
};
struct InterruptFrameWithError {
  std::uint64_t error_code;
  InterruptFrame frame;
};

struct __attribute__((packed)) TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

void Write(const GuestMemory& memory, std::uint64_t address, const void* bytes, std::size_t size) {
  // SAFETY: only shim pages, which lie below kMemoryUnit; before the guest runs, or in its traps.
  std::memcpy(memory.all().data() + address, bytes, size);
}

// push 0 (unless the CPU pushed an error code); push vector; out kShimPort, al; add rsp, 16; iretq
void WriteStub(const GuestMemory& memory, unsigned vector) {
  std::uint8_t code[kStubSize] = {};
  std::size_t size = 0;
  const auto add = [&code, &size](std::initializer_list<int> bytes) {
    for (const int byte : bytes) code[size++] = static_cast<std::uint8_t>(byte);
  };
  if (!HasErrorCode(vector)) add({0x6a, 0x00});
  add({0x6a, static_cast<int>(vector)});
  add({0xe6, kShimPort});
  add({0x48, 0x83, 0xc4, 0x10});
  add({0x48, 0xcf});
  Write(memory, kShimCodeAddress + vector * kStubSize, code, sizeof code);
}

void WriteGate(const GuestMemory& memory, unsigned vector) {
  constexpr std::uint64_t kInterruptGate = 0x8e;         // present, ring 0
  constexpr std::uint64_t kInterruptGateForAll = 0xee;   // int3 is an instruction of ring 3
  const std::uint64_t type = vector == kBreakpoint ? kInterruptGateForAll : kInterruptGate;
  static_assert(kShimCodeAddress + kVectors * kStubSize <= 0x10000);  // offset in 16 bits
  const WideDescriptor gate = {
      (kShimCodeAddress + vector * kStubSize) | std::uint64_t{kKernelCode} << 16 | type << 40, 0};
  Write(memory, kShimIdtAddress + vector * sizeof gate, &gate, sizeof gate);
}

// Task state (AMD64 APM volume 2, section 12.2.5): the stack of ring 0, and the map of the I/O
// ports that ring 3 may use (a zero bit for each), which are those of hypercalls alone.
void WriteTaskState(const GuestMemory& memory) {
  constexpr std::uint64_t kStackField = 4;
  constexpr std::uint64_t kMapField = 0x66;
  const std::uint64_t stack = kShimStackEnd;
  Write(memory, kShimTssAddress + kStackField, &stack, sizeof stack);
  Write(memory, kShimTssAddress + kMapField, &kShimPortMapOffset, sizeof kShimPortMapOffset);
  std::array<std::uint8_t, kShimPortMapPorts / 8> map;
  map.fill(0xff);
  // A port of four bytes is as many bits; the map's last byte stays 0xff, as the manual asks.
  constexpr unsigned kEnd = kHypercallLast + kHypercallSize;
  static_assert(kEnd <= kShimPortMapPorts - 8);
  for (unsigned port = kHypercallFirst; port < kEnd; ++port) {
    map[port / 8] = static_cast<std::uint8_t>(map[port / 8] & ~(1u << port % 8));
  }
  Write(memory, kShimTssAddress + kShimPortMapOffset, map.data(), map.size());
}

bool Jumps(const DecodedInstruction& instruction) {
  return instruction.kind == Privileged::kFarReturn ||
         instruction.kind == Privileged::kInterruptReturn;
}

TrapFrame ReadFrame(const GuestMemory& memory) {
  TrapFrame frame;
  // SAFETY: the frame lies in the shim's stack page; the guest can write neither it nor the stubs.
  std::memcpy(&frame, memory.all().data() + kTrapFrameAddress, sizeof frame);
  return frame;
}

Detail ExceptionDetail(std::string_view what, const TrapFrame& frame) {
  Detail detail(what);
  detail.Add(": exception ").AddNumber(frame.vector).Add(", error code ").AddHex(frame.error_code);
  return detail;
}

}  // namespace

void InstallRing3Shim(const GuestMemory& memory) {
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    WriteStub(memory, vector);
    WriteGate(memory, vector);
  }
  WriteTaskState(memory);
}

Step Ring3Mode::Interpret(const VcpuExit& exit) {
  const bool in_trap = exit.kind == ExitKind::kPortWrite && exit.port == kShimPort;
  state_.in_trap = in_trap ? 1 : 0;
  if (in_trap) return Trap();
  if (exit.kind == ExitKind::kPortWrite) {
    Step step = PortStep(exit);
    if (!std::holds_alternative<End>(step)) return step;
  }
  if (exit.kind == ExitKind::kInterrupted) return Resume{};
  return DescribeExit(exit, memory_, cpu_, CpuRing::kRing3);
}

GeneralRegisters Ring3Mode::GuestRegisters() const {
  GeneralRegisters registers = cpu_.Registers();
  if (state_.in_trap != 0) {
    const TrapFrame frame = ReadFrame(memory_);
    registers.rip = frame.rip;
    registers.rflags = frame.rflags;
    registers.values[kRsp] = frame.rsp;
  }
  return registers;
}

Step Ring3Mode::Trap() {
  TrapFrame frame = ReadFrame(memory_);
  const GeneralRegisters shim = cpu_.Registers();
  registers_ = shim;
  registers_changed_ = false;
  // A trap from ring 3 begins at the top of the stack. One from the shim itself lies deeper: the
  // guest has returned to an instruction or stack pointer that no CPU takes (not canonical).
  if (registers_.values[kRsp] != kTrapFrameAddress || frame.vector >= kVectors ||
      (frame.cs & 3) != 3) {
    Detail detail("the guest cannot go on at rip=");
    detail.AddHex(frame.rip).Add(" rsp=").AddHex(frame.rsp);
    return GuestFault(detail);
  }
  registers_.values[kRsp] = frame.rsp;
  registers_.rip = frame.rip;
  Step step = frame.vector == kGeneralProtection ? GeneralProtection(frame) : Reflect(frame);
  Write(memory_, kTrapFrameAddress, &frame, sizeof frame);
  if (registers_changed_) {
    registers_.values[kRsp] = shim.values[kRsp];
    registers_.rip = shim.rip;
    registers_.rflags = shim.rflags;
    cpu_.SetRegisters(registers_);
  }
  return step;
}

Step Ring3Mode::GeneralProtection(TrapFrame& frame) {
  if (frame.rip >= memory_.size()) return Reflect(frame);
  const std::uint64_t size = std::min<std::uint64_t>(kInstructionSizeMax,
                                                     memory_.size() - frame.rip);
  const auto code = memory_.Readable(frame.rip, size);
  if (!code) return Reflect(frame);
  const auto instruction = Decode(*code, registers_);
  if (!instruction) return Reflect(frame);
  switch (instruction->kind) {
    case Privileged::kOut:
    case Privileged::kIn:
    case Privileged::kStringIo: return PortInstruction(frame, *instruction);
    case Privileged::kHalt: {
      Detail detail("the guest stopped its CPU (HLT), not by hypercall");
      AddPlace(detail, frame.rip, memory_);
      return GuestFault(detail);
    }
    default: break;
  }
  const std::uint64_t next = frame.rip + instruction->length;
  if (!Emulate(frame, *instruction)) return Reflect(frame);
  if (!Jumps(*instruction)) frame.rip = next;
  Follow(frame);
  return Resume{};
}

void Ring3Mode::Follow(TrapFrame& frame) {
  // Bounds the time of one trap. Solo5's start-up has ten in a row.
  constexpr int kFollowedMax = 16;
  // Code on this page was being executed; of the next one nobody has asked whether it may be.
  const std::uint64_t page = registers_.rip / kPageSize;
  for (int i = 0; i < kFollowedMax && frame.rip / kPageSize == page; ++i) {
    const std::uint64_t left = kPageSize - frame.rip % kPageSize;
    const auto code =
        memory_.Readable(frame.rip, std::min<std::uint64_t>(kInstructionSizeMax, left));
    if (!code) return;
    registers_.rip = frame.rip;
    registers_.values[kRsp] = frame.rsp;
    if (const auto plain = DecodePlain(*code, registers_)) {
      if (!DoPlain(frame, *plain)) return;
      continue;
    }
    const auto privileged = Decode(*code, registers_);
    if (!privileged) return;
    const std::uint64_t next = frame.rip + privileged->length;
    if (!Emulate(frame, *privileged)) return;  // it traps by itself, and gets what it deserves
    if (!Jumps(*privileged)) frame.rip = next;
  }
}

bool Ring3Mode::DoPlain(TrapFrame& frame, const PlainInstruction& instruction) {
  if (instruction.push) {
    if (!memory_.Store(frame.rsp - sizeof instruction.value, instruction.value)) return false;
    frame.rsp -= sizeof instruction.value;
  } else if (instruction.target == kRsp) {
    frame.rsp = instruction.value;
  } else {
    registers_.values[instruction.target] = instruction.value;
    registers_changed_ = true;
  }
  frame.rip += instruction.length;
  return true;
}

Step Ring3Mode::PortInstruction(TrapFrame& frame, const DecodedInstruction& instruction) const {
  VcpuExit exit;
  exit.kind = instruction.kind == Privileged::kOut ? ExitKind::kPortWrite : ExitKind::kPortRead;
  exit.port = instruction.immediate ? instruction.port
                                    : static_cast<std::uint16_t>(registers_.values[kRdx]);
  exit.size = instruction.size;
  exit.count = 1;
  exit.value = registers_.values[kRax] & 0xffff'ffff;
  Step step = PortStep(exit);
  if (auto* end = std::get_if<End>(&step)) {
    AddPlace(end->detail, frame.rip, memory_);
  } else {
    frame.rip += instruction.length;
  }
  return step;
}

bool Ring3Mode::Emulate(TrapFrame& frame, const DecodedInstruction& instruction) {
  switch (instruction.kind) {
    case Privileged::kLoadGdt: return LoadTable(instruction, state_.gdt);
    case Privileged::kLoadIdt: return LoadTable(instruction, state_.idt);
    case Privileged::kLoadTask: return LoadTaskRegister(instruction);
    // The guest's flat ring-0 segments and ours of ring 3 differ in nothing it can use; and no
    // interrupt ever comes.
    case Privileged::kLoadSegment:
    case Privileged::kSetInterrupts: return true;
    case Privileged::kFarReturn: return FarReturn(frame);
    case Privileged::kInterruptReturn: return InterruptReturn(frame);
    case Privileged::kWriteMsr: return WriteMsr();
    case Privileged::kReadCr2: ReadFaultAddress(frame, instruction); return true;
    case Privileged::kOut:
    case Privileged::kIn:
    case Privileged::kStringIo:
    case Privileged::kHalt: return false;
  }
  return false;
}

bool Ring3Mode::LoadTable(const DecodedInstruction& instruction, TableRegister& table) const {
  const auto pointer = memory_.Copy<TablePointer>(instruction.address);
  if (!pointer) return false;
  table = {pointer->base, pointer->limit};
  return true;
}

bool Ring3Mode::LoadTaskRegister(const DecodedInstruction& instruction) {
  auto selector = static_cast<std::uint16_t>(registers_.values[instruction.operand]);
  if (instruction.memory) {
    const auto stored = memory_.Copy<std::uint16_t>(instruction.address);
    if (!stored) return false;
    selector = *stored;
  }
  const std::uint64_t offset = selector & ~std::uint64_t{7};
  if (offset + sizeof(WideDescriptor) - 1 > state_.gdt.limit) return false;
  const auto descriptor = memory_.Copy<WideDescriptor>(state_.gdt.base + offset);
  if (!descriptor) return false;
  state_.task_state = (descriptor->low >> 16 & 0xff'ffff) | (descriptor->low >> 56) << 24 |
                descriptor->high << 32;
  return true;
}

bool Ring3Mode::FarReturn(TrapFrame& frame) const {
  const auto target = memory_.Copy<FarReturnFrame>(frame.rsp);
  if (!target || (target->cs & 0xffff) != kGuestCode) return false;
  frame.rip = target->rip;
  frame.rsp += sizeof(FarReturnFrame);
  return true;
}

bool Ring3Mode::InterruptReturn(TrapFrame& frame) const {
  const auto target = memory_.Copy<InterruptFrame>(frame.rsp);
  if (!target || (target->cs & 0xffff) != kGuestCode) return false;
  frame.rip = target->rip;
  frame.rflags = (target->rflags & kFlagsOfRing3) | kFlagsAlways;
  frame.rsp = target->rsp;
  return true;
}

bool Ring3Mode::WriteMsr() const {
  const auto msr = static_cast<std::uint32_t>(registers_.values[kRcx]);
  if (msr != kMsrFsBase && msr != kMsrGsBase) return false;
  const std::uint64_t value =
      registers_.values[kRdx] << 32 | (registers_.values[kRax] & 0xffff'ffff);
  return cpu_.WriteMsr(msr, value);
}

void Ring3Mode::ReadFaultAddress(TrapFrame& frame, const DecodedInstruction& instruction) {
  if (instruction.operand == kRsp) {
    frame.rsp = state_.fault_address;
    return;
  }
  registers_.values[instruction.operand] = state_.fault_address;
  registers_changed_ = true;
}

Step Ring3Mode::Reflect(TrapFrame& frame) {
  const std::uint64_t offset = frame.vector * sizeof(WideDescriptor);
  const auto gate = offset + sizeof(WideDescriptor) - 1 > state_.idt.limit
                        ? std::nullopt
                        : memory_.Copy<WideDescriptor>(state_.idt.base + offset);
  constexpr std::uint64_t kGatePresent = 1ull << 47;
  if (!gate || (gate->low & kGatePresent) == 0) {
    Detail detail = ExceptionDetail("the guest has no handler", frame);
    if (frame.vector == kPageFault) detail.Add(", address ").AddHex(cpu_.FaultAddress());
    AddPlace(detail, frame.rip, memory_);
    return GuestFault(detail);
  }
  if (frame.vector == kPageFault) {
    state_.fault_address = cpu_.FaultAddress();
    frame.error_code &= ~kPageFaultByUser;  // in the guest's eyes it runs in ring 0
  }
  std::uint64_t stack = frame.rsp;
  if (const std::uint64_t index = gate->low >> 32 & 7; index != 0) {
    constexpr std::uint64_t kInterruptStacks = 0x24;  // IST1 in a task state
    const auto own = memory_.Copy<std::uint64_t>(state_.task_state + kInterruptStacks +
                                                 (index - 1) * sizeof(std::uint64_t));
    if (!own) return GuestFault(ExceptionDetail("the guest's interrupt stack is missing", frame));
    stack = *own;
  }
  const InterruptFrameWithError pushed{
      frame.error_code, {frame.rip, kGuestCode, frame.rflags, frame.rsp, kGuestData}};
  const std::uint64_t top = (stack & ~15ull) - sizeof pushed;
  if (!memory_.Store(top, pushed)) {
    Detail detail = ExceptionDetail("the guest's stack cannot take a trap", frame);
    detail.Add(", stack ").AddHex(stack);
    AddPlace(detail, frame.rip, memory_);
    return GuestFault(detail);
  }
  frame.rip = (gate->low & 0xffff) | (gate->low >> 48) << 16 | gate->high << 32;
  frame.rsp = HasErrorCode(frame.vector) ? top : top + sizeof pushed.error_code;
  frame.rflags &= ~kClearedByTrap;
  return Resume{};
}

}  // namespace summon::hypervisor
