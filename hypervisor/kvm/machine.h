// SPDX-License-Identifier: Apache-2.0
#pragma once
// One KVM virtual machine with one virtual CPU. The only room that knows ioctls and <linux/kvm.h>.
//
// A machine works only in the process that created it. It is made without memory, so that a
// process of the pool can make it, set its CPUID and run it once for nothing (PreRun) before it
// knows what it will boot.

#include <array>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/arch/x86_64/cpu.h"
#include "hypervisor/arch/x86_64/cpuid.h"

struct kvm_run;

namespace summon::hypervisor {

// Registers, FPU and model-specific registers of a stopped CPU; the same for every machine of one
// host, and meaningless elsewhere.
struct CpuStateBlob {
  static constexpr std::size_t kSize = 14 * 1024;
  alignas(16) std::array<std::uint8_t, kSize> bytes{};
};

class Machine final : public CpuAccess {
 public:
  // `kvm_fd` is an open /dev/kvm (borrowed, not needed afterwards).
  // Errors: the system's, and kInvalid for a KVM of another API version.
  static Result<Machine> Create(int kvm_fd);

  Machine(Machine&& other) noexcept;
  Machine& operator=(Machine&&) = delete;
  Machine(const Machine&) = delete;
  ~Machine() override;

  Status SetCpuid(std::span<const CpuidLeaf> leaves);
  // Makes `memory` guest memory from `guest_address` on (page aligned). It must outlive the
  // machine. What the process itself cannot access there stops the guest at its first touch.
  Status AddMemory(std::uint64_t guest_address, std::span<std::uint8_t> memory);
  // Makes the guest's time-stamp counter the host's own, so that it goes on unchanged in another
  // machine of this host. False where this KVM cannot; then it starts at 0 in every machine,
  // unless the guest reads the host's counter anyway (ring 3 on a KVM in software).
  bool ShareHostTsc();
  // Enters KVM_RUN and leaves at once. The first KVM_RUN of a process makes KVM create a helper
  // thread inside it (measured: Linux 6.18), which a later sandbox would forbid.
  Status PreRun();
  // Frequency of the guest's time-stamp counter.
  Result<std::uint64_t> TscHz() const;

  // The state with which the CPU runs next; handed over by the next Run() without a system call.
  void SetState(const CpuState& state);
  // From now on Run() leaves the general registers where Registers() finds them without a
  // system call: for modes that look at them at every exit.
  void KeepRegisters();

  // Moves the virtual CPU's descriptor to number `fd` (nobody else's) and closes the machine's
  // own: what remains can run the CPU and nothing else.
  Status ReduceTo(int fd);

  // Runs the guest until it stops for something.
  VcpuExit Run();
  // Set to 1, from a signal handler if need be, this ends the present or else the next Run() at
  // once with kInterrupted; it stays so until it is set to 0.
  volatile std::uint8_t& interrupt_flag();

  // All that the CPU knows, in a form that only LoadState() understands. The guest has stopped
  // for a port; what that exit leaves to do is done first.
  Result<CpuStateBlob> SaveState();
  // The state with which the CPU runs next.
  Status LoadState(const CpuStateBlob& blob);

  GeneralRegisters Registers() override;
  void SetRegisters(const GeneralRegisters& registers) override;
  std::uint64_t FaultAddress() override;
  bool WriteMsr(std::uint32_t msr, std::uint64_t value) override;
  SegmentValues Segments() const;

 private:
  Machine(UniqueFd vm, UniqueFd vcpu) : vm_(std::move(vm)), vcpu_(std::move(vcpu)) {}

  VcpuExit ExitOfError(int error_number) const;
  VcpuExit ExitOfReason() const;
  VcpuExit PortExit() const;

  UniqueFd vm_;
  UniqueFd vcpu_;
  kvm_run* run_ = nullptr;  // shared with the kernel; unmapped by the destructor
  std::size_t run_size_ = 0;
  std::uint32_t memory_slots_ = 0;
  std::size_t fpu_size_ = 0;  // of what KVM_GET_XSAVE2 gives; 0: it has only KVM_GET_XSAVE
  bool keeps_registers_ = false;
};

}  // namespace summon::hypervisor
