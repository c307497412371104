// SPDX-License-Identifier: Apache-2.0
// The first instructions on the hvt target, and what happens when the guest traps.
//
// The tender enters at _start in 64-bit mode, interrupts off, identity mapped, with the boot
// information in RDI and the stack below the top of memory. Its descriptor table lies in a page
// that the guest cannot see, so traps need a table of our own. There are no interrupts on hvt: a
// gate is only ever used to report a bug and halt.
//
// The table costs no instructions at start: link.ld puts the trap stubs first in the image, so
// that every gate is a constant. Each privileged instruction may cost a trap to the monitor
// (35 us where guests run in ring 3): there are three.

#include <array>
#include <cstddef>
#include <cstdint>

#include "guests/runtime/abi.h"
#include "guests/runtime/hypercall.h"
#include "guests/runtime/runtime.h"
#include "guests/runtime/text.h"

// Vectors 8, 10-14, 17, 21, 29 and 30 push an error code (Intel SDM 3A, table 6-1); the others
// get a zero, so that every frame is a TrapFrame. A stub is 16 bytes long.
asm(R"(
  .pushsection .text.trap_stubs, "ax", @progbits
  .globl guest_trap_stubs
guest_trap_stubs:
  .set vector, 0
  .rept 32
    .balign 16
    .set pushes_code, (0x60227d00 >> vector) & 1
    .if pushes_code == 0
      push $0
    .endif
    push $vector
    jmp 1f
    .set vector, vector + 1
  .endr
  .balign 16
1:
  mov %rsp, %rdi
  and $-16, %rsp
  cld
  call GuestTrap
  .popsection

  .pushsection .text.start, "ax", @progbits
  .globl _start
_start:
  rdtsc
  shl $32, %rdx
  lea (%rax,%rdx), %rsi
  jmp GuestStart
  .popsection
)");

namespace summon::guest {
namespace {

constexpr std::size_t kVectors = 32;
constexpr std::size_t kStubBytes = 16;
constexpr std::uint64_t kCodeSelector = 0x08;
constexpr std::uint16_t kTaskSelector = 0x18;
constexpr std::uint64_t kTrapStackIndex = 1;

// An interrupt gate (Intel SDM 3A, figure 6-8), DPL 0, on the trap stack: a report must work
// when the guest's stack pointer is what went wrong.
consteval std::array<std::uint64_t, 2 * kVectors> MakeGates() {
  std::array<std::uint64_t, 2 * kVectors> gates{};
  for (std::size_t vector = 0; vector < kVectors; ++vector) {
    const std::uint64_t stub = abi::kImageBase + vector * kStubBytes;
    gates[2 * vector] = (stub & 0xffff) | kCodeSelector << 16 | kTrapStackIndex << 32 |
                        std::uint64_t{0x8e00} << 32 | (stub >> 16 & 0xffff) << 48;
    gates[2 * vector + 1] = stub >> 32;
  }
  return gates;
}

constexpr std::array<std::uint64_t, 2 * kVectors> kGates = MakeGates();

// Intel SDM 3A, figure 8-11.
struct [[gnu::packed]] TaskState {
  std::uint32_t reserved0 = {};
  std::uint64_t ring_stacks[3] = {};
  std::uint64_t reserved1 = {};
  std::byte* trap_stack;  // IST1
  std::uint64_t other_stacks[6] = {};
  std::uint64_t reserved2 = {};
  std::uint16_t reserved3 = {};
  std::uint16_t io_map_offset;
};
static_assert(sizeof(TaskState) == 104);

struct [[gnu::packed]] TableRegister {
  std::uint16_t limit;
  const void* base;
};

// What the processor looks at after a trap; it must outlive every function.
constinit std::byte trap_stack[4096];
constinit TaskState task_state = {.trap_stack = trap_stack + sizeof trap_stack,
                                  .io_map_offset = sizeof(TaskState)};
// Null, code (64 bit), data, and two words for the task state, whose address is known only now.
constinit std::uint64_t descriptors[5] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0};

void LoadTables() {
  // SAFETY: the CPU takes the task state's address from the descriptor; guests are identity mapped.
  const auto task = reinterpret_cast<std::uint64_t>(&task_state);
  descriptors[3] = (sizeof(TaskState) - 1) | (task & 0xffffff) << 16 |
                   std::uint64_t{0x89} << 40 | (task >> 24 & 0xff) << 56;
  descriptors[4] = task >> 32;
  const TableRegister gdt{sizeof descriptors - 1, descriptors};
  const TableRegister idt{sizeof kGates - 1, kGates.data()};
  // SAFETY: the tables above are complete. Code keeps running on the segments the tender loaded,
  // whose selectors mean the same in this table. Registers as operands: monitors that run guests
  // in ring 3 decode these instructions, and need to know few forms.
  asm volatile("lgdt (%0)" : : "a"(&gdt), "m"(gdt));
  asm volatile("ltr %0" : : "a"(kTaskSelector));
  asm volatile("lidt (%0)" : : "a"(&idt), "m"(idt));
}

constexpr std::array<std::string_view, kVectors> kVectorNames = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "0x9", "#TS",
    "#NP", "#SS", "#GP", "#PF", "0xf", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
    "0x16", "0x17", "0x18", "0x19", "0x1a", "0x1b", "#HV", "#VC", "#SX", "0x1f"};

struct TrapFrame {
  std::uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};

// What Solo5's core dumps read behind the halt cookie.
struct HaltCookie {
  std::uint64_t cr2, error_code, rip, cs, rflags, rsp, ss;
};
constinit union {
  HaltCookie cookie;
  std::byte bytes[abi::kHaltCookieBytes];
} halt_area = {.bytes = {}};

}  // namespace

extern "C" {

[[noreturn, gnu::used]] void GuestStart(const abi::HvtBootInfo* info, std::uint64_t entry_cycles) {
  LoadTables();
  Machine machine(*info, entry_cycles);
  Exit(Main(machine));
}

[[noreturn, gnu::used]] void GuestTrap(const TrapFrame* frame) {
  std::uint64_t cr2;
  asm volatile("mov %%cr2, %0" : "=a"(cr2));  // a form that ring-3 monitors decode
  Line line;
  line << "Solo5: trap: type=" << kVectorNames[frame->vector % kVectors];
  (line << " ec=").writer().HexNumber(frame->error_code);
  (line << " rip=").writer().HexNumber(frame->rip);
  (line << " rsp=").writer().HexNumber(frame->rsp);
  (line << " rflags=").writer().HexNumber(frame->rflags);
  (line << "\nSolo5: trap: cr2=").writer().HexNumber(cr2);
  line << "\nSolo5: ABORT: trap\n";
  Print(line.view());
  halt_area.cookie = {cr2,           frame->error_code, frame->rip, frame->cs,
                      frame->rflags, frame->rsp,        frame->ss};
  abi::Halt call{.cookie = &halt_area, .exit_status = abi::kExitAbort};
  while (true) Hypercall(abi::Call::kHalt, &call);
}

}  // extern "C"

}  // namespace summon::guest
