// SPDX-License-Identifier: Apache-2.0
#pragma once
// An x86_64 virtual CPU in our own words: its registers, what it stopped for, and what a guest
// mode may ask of it. Plain values, so that nothing here needs a KVM header and everything that
// reasons about a CPU can be tested with a made-up one.

#include <array>
#include <cstdint>

namespace summon::hypervisor {

// Numbers as instructions encode them.
inline constexpr unsigned kRax = 0, kRcx = 1, kRdx = 2, kRbx = 3, kRsp = 4, kRbp = 5, kRsi = 6,
                          kRdi = 7;

struct GeneralRegisters {
  std::array<std::uint64_t, 16> values{};  // rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8..r15
  std::uint64_t rip = 0;
  std::uint64_t rflags = 0;
};

// A segment register with its hidden part (AMD64 APM volume 2, section 4.8).
struct SegmentRegister {
  std::uint64_t base = 0;
  std::uint32_t limit = 0;
  std::uint16_t selector = 0;
  std::uint8_t type = 0;
  std::uint8_t dpl = 0;
  bool present = false;
  bool code_or_data = false;  // S
  bool long_mode = false;     // L
  bool default_big = false;   // D/B
  bool granularity = false;   // G
};

struct TableRegister {
  std::uint64_t base = 0;
  std::uint16_t limit = 0;
};

struct CpuState {
  GeneralRegisters general;
  SegmentRegister code;
  SegmentRegister data;  // for SS, DS, ES, FS and GS
  SegmentRegister task;
  TableRegister gdt;
  TableRegister idt;
  std::uint64_t cr0 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::uint64_t efer = 0;
};

// What debuggers want to know of segments.
struct SegmentValues {
  std::uint16_t cs = 0;
  std::uint16_t ss = 0;
  std::uint16_t ds = 0;
  std::uint16_t es = 0;
  std::uint16_t fs = 0;
  std::uint16_t gs = 0;
  std::uint64_t fs_base = 0;
  std::uint64_t gs_base = 0;
};

// Why a virtual CPU stopped.
enum class ExitKind {
  kPortWrite,      // port, size, count, value
  kPortRead,       // port, size
  kMmio,           // address, size, is_write: an access that no memory backs
  kMemoryFault,    // the host refused an access to memory (EFAULT from KVM_RUN)
  kShutdown,       // triple fault
  kHlt,            // the HLT instruction
  kInternalError,  // KVM gave up; code is its suberror
  kEntryFailed,    // the CPU refused the state; code is the hardware's reason
  kInterrupted,    // a signal; nothing happened
  kHostError,      // KVM_RUN failed; code is the errno
  kOther,          // code is KVM's exit reason
};

struct VcpuExit {
  ExitKind kind = ExitKind::kOther;
  bool is_write = false;
  std::uint8_t size = 0;
  std::uint16_t port = 0;
  std::uint32_t count = 0;
  std::uint64_t value = 0;
  std::uint64_t address = 0;
  std::uint64_t code = 0;
};

// A stopped virtual CPU, as far as guest modes and error reports may look into it.
class CpuAccess {
 public:
  virtual ~CpuAccess() = default;
  virtual GeneralRegisters Registers() = 0;
  // Takes effect when the CPU runs again.
  virtual void SetRegisters(const GeneralRegisters& registers) = 0;
  virtual std::uint64_t FaultAddress() = 0;  // CR2
  // False when the CPU refuses the value (a non-canonical address) or the register.
  virtual bool WriteMsr(std::uint32_t msr, std::uint64_t value) = 0;
};

}  // namespace summon::hypervisor
