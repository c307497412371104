// SPDX-License-Identifier: Apache-2.0
#pragma once
// One KVM virtual machine with one virtual CPU. The only room that knows ioctls and <linux/kvm.h>.
//
// A machine works only in the process that created it. It is made without memory, so that a
// process of the pool can make it, set its CPUID and run it once for nothing (PreRun) before it
// knows what it will boot.

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/arch/x86_64/cpu.h"
#include "hypervisor/arch/x86_64/cpuid.h"

struct kvm_run;

namespace summon::hypervisor {

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
  // Makes `memory` the guest's RAM from guest address 0. It must outlive the machine.
  Status SetMemory(std::span<std::uint8_t> memory);
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

  GeneralRegisters Registers() override;
  void SetRegisters(const GeneralRegisters& registers) override;
  std::uint64_t FaultAddress() override;
  bool WriteMsr(std::uint32_t msr, std::uint64_t value) override;

 private:
  Machine(UniqueFd vm, UniqueFd vcpu) : vm_(std::move(vm)), vcpu_(std::move(vcpu)) {}

  VcpuExit ExitOfError(int error_number) const;
  VcpuExit ExitOfReason() const;
  VcpuExit PortExit() const;

  UniqueFd vm_;
  UniqueFd vcpu_;
  kvm_run* run_ = nullptr;  // shared with the kernel; unmapped by the destructor
  std::size_t run_size_ = 0;
  bool keeps_registers_ = false;
};

}  // namespace summon::hypervisor
