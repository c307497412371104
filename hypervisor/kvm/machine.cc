// SPDX-License-Identifier: Apache-2.0
// KVM ioctls. Documentation/virt/kvm/api.rst of Linux describes each.
#include "hypervisor/kvm/machine.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "hypervisor/kvm/requests.h"

namespace summon::hypervisor {

namespace {

// The place of each general register in kvm_regs, by the number that instructions use.
constexpr __u64 kvm_regs::*kRegisterOf[16] = {
    &kvm_regs::rax, &kvm_regs::rcx, &kvm_regs::rdx, &kvm_regs::rbx,
    &kvm_regs::rsp, &kvm_regs::rbp, &kvm_regs::rsi, &kvm_regs::rdi,
    &kvm_regs::r8,  &kvm_regs::r9,  &kvm_regs::r10, &kvm_regs::r11,
    &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14, &kvm_regs::r15};

GeneralRegisters FromKvm(const kvm_regs& from) {
  GeneralRegisters to;
  for (std::size_t i = 0; i < to.values.size(); ++i) to.values[i] = from.*kRegisterOf[i];
  to.rip = from.rip;
  to.rflags = from.rflags;
  return to;
}

void ToKvm(const GeneralRegisters& from, kvm_regs& to) {
  for (std::size_t i = 0; i < from.values.size(); ++i) to.*kRegisterOf[i] = from.values[i];
  to.rip = from.rip;
  to.rflags = from.rflags;
}

kvm_segment ToKvm(const SegmentRegister& from) {
  kvm_segment to{};
  to.base = from.base;
  to.limit = from.limit;
  to.selector = from.selector;
  to.type = from.type;
  to.present = from.present;
  to.dpl = from.dpl;
  to.db = from.default_big;
  to.s = from.code_or_data;
  to.l = from.long_mode;
  to.g = from.granularity;
  to.unusable = !from.present;
  return to;
}

}  // namespace

Result<Machine> Machine::Create(int kvm_fd) {
  const int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
  if (version < 0) return ErrnoError("ask KVM for its version", errno);
  if (version != KVM_API_VERSION) {
    return Error(ErrorCode::kInvalid,
                 StrCat("KVM has API version ", version, "; must be ", KVM_API_VERSION));
  }
  const int run_size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_size < static_cast<int>(sizeof(kvm_run))) {
    return ErrnoError("ask KVM for the size of a virtual CPU", run_size < 0 ? errno : EIO);
  }
  UniqueFd vm(ioctl(kvm_fd, KVM_CREATE_VM, 0));
  if (!vm.valid()) return ErrnoError("create virtual machine", errno);
  const int fpu_size = ioctl(vm.get(), KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
  UniqueFd vcpu(ioctl(vm.get(), KVM_CREATE_VCPU, 0));
  if (!vcpu.valid()) return ErrnoError("create virtual CPU", errno);

  Machine machine(std::move(vm), std::move(vcpu));
  machine.run_size_ = static_cast<std::size_t>(run_size);
  if (fpu_size > 0) machine.fpu_size_ = static_cast<std::size_t>(fpu_size);
  // SAFETY: a fresh mapping of the size that KVM gave; the kernel writes a kvm_run at its start.
  void* mapped = mmap(nullptr, machine.run_size_, PROT_READ | PROT_WRITE, MAP_SHARED,
                      machine.vcpu_.get(), 0);
  if (mapped == MAP_FAILED) return ErrnoError("map virtual CPU", errno);
  machine.run_ = static_cast<kvm_run*>(mapped);
  return machine;
}

Machine::Machine(Machine&& other) noexcept
    : vm_(std::move(other.vm_)), vcpu_(std::move(other.vcpu_)),
      run_(std::exchange(other.run_, nullptr)), run_size_(other.run_size_),
      memory_slots_(other.memory_slots_), fpu_size_(other.fpu_size_),
      keeps_registers_(other.keeps_registers_) {}

Machine::~Machine() {
  if (run_ != nullptr) (void)munmap(run_, run_size_);  // our own mapping: cannot fail
}

Status Machine::SetCpuid(std::span<const CpuidLeaf> leaves) {
  SUMMON_CHECK(leaves.size() <= kCpuidLeaves);
  struct {
    ListHead head;
    kvm_cpuid_entry2 entries[kCpuidLeaves];
  } list{};
  list.head.count = static_cast<std::uint32_t>(leaves.size());
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    kvm_cpuid_entry2& entry = list.entries[i];
    entry.function = leaves[i].function;
    entry.flags = leaves[i].function == 7 ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
    entry.eax = leaves[i].eax;
    entry.ebx = leaves[i].ebx;
    entry.ecx = leaves[i].ecx;
    entry.edx = leaves[i].edx;
  }
  if (ioctl(vcpu_.get(), kSetCpuid, &list) != 0) return ErrnoError("set CPUID", errno);
  return Ok();
}

Status Machine::AddMemory(std::uint64_t guest_address, std::span<std::uint8_t> memory) {
  kvm_userspace_memory_region region{};
  region.slot = memory_slots_;
  region.guest_phys_addr = guest_address;
  region.memory_size = memory.size();
  // SAFETY: the caller keeps the mapping for as long as the machine; the guest may use all of it.
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory.data());
  if (ioctl(vm_.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0) {
    return ErrnoError(StrCat("give the guest ", memory.size() >> 20, " MiB of memory"), errno);
  }
  ++memory_slots_;
  return Ok();
}

bool Machine::ShareHostTsc() {
  std::uint64_t offset = 0;
  kvm_device_attr attribute{};
  attribute.group = KVM_VCPU_TSC_CTRL;
  attribute.attr = KVM_VCPU_TSC_OFFSET;
  // SAFETY: the kernel reads the eight bytes during the call (vcpu.rst, 4.1 ATTRIBUTE:
  // KVM_VCPU_TSC_OFFSET).
  attribute.addr = reinterpret_cast<std::uintptr_t>(&offset);
  return ioctl(vcpu_.get(), KVM_SET_DEVICE_ATTR, &attribute) == 0;
}

volatile std::uint8_t& Machine::interrupt_flag() { return run_->immediate_exit; }

Status Machine::PreRun() {
  run_->immediate_exit = 1;
  const int result = ioctl(vcpu_.get(), KVM_RUN, 0);
  const int error_number = errno;
  run_->immediate_exit = 0;
  if (result != 0 && error_number != EINTR) {
    return ErrnoError("run the virtual CPU for the first time", error_number);
  }
  return Ok();
}

Result<std::uint64_t> Machine::TscHz() const {
  const int khz = ioctl(vcpu_.get(), KVM_GET_TSC_KHZ, 0);
  if (khz <= 0) return ErrnoError("ask KVM for the frequency of the TSC", khz < 0 ? errno : EIO);
  constexpr std::uint64_t kHzPerKhz = 1000;
  return static_cast<std::uint64_t>(khz) * kHzPerKhz;
}

void Machine::SetState(const CpuState& state) {
  kvm_sregs& special = run_->s.regs.sregs;
  special = {};
  special.cs = ToKvm(state.code);
  special.ss = special.ds = special.es = special.fs = special.gs = ToKvm(state.data);
  special.tr = ToKvm(state.task);
  special.ldt.unusable = 1;
  special.gdt.base = state.gdt.base;
  special.gdt.limit = state.gdt.limit;
  special.idt.base = state.idt.base;
  special.idt.limit = state.idt.limit;
  special.cr0 = state.cr0;
  special.cr3 = state.cr3;
  special.cr4 = state.cr4;
  special.efer = state.efer;
  ToKvm(state.general, run_->s.regs.regs);
  run_->kvm_dirty_regs |= KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

void Machine::KeepRegisters() {
  run_->kvm_valid_regs = KVM_SYNC_X86_REGS;
  keeps_registers_ = true;
}

Status Machine::ReduceTo(int fd) {
  vm_.Reset();  // the virtual CPU keeps the machine alive; and the number may be the one wanted
  if (vcpu_.get() == fd) return Ok();
  if (dup3(vcpu_.get(), fd, O_CLOEXEC) < 0) return ErrnoError("place virtual CPU", errno);
  vcpu_ = UniqueFd(fd);
  return Ok();
}

GeneralRegisters Machine::Registers() {
  if (keeps_registers_) return FromKvm(run_->s.regs.regs);
  kvm_regs registers{};
  (void)ioctl(vcpu_.get(), KVM_GET_REGS, &registers);  // zeroes will do if this cannot be had
  return FromKvm(registers);
}

void Machine::SetRegisters(const GeneralRegisters& registers) {
  ToKvm(registers, run_->s.regs.regs);
  run_->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

std::uint64_t Machine::FaultAddress() {
  kvm_sregs special{};
  (void)ioctl(vcpu_.get(), KVM_GET_SREGS, &special);  // likewise
  return special.cr2;
}

SegmentValues Machine::Segments() const {
  kvm_sregs special{};
  (void)ioctl(vcpu_.get(), KVM_GET_SREGS, &special);  // likewise
  return {.cs = special.cs.selector, .ss = special.ss.selector, .ds = special.ds.selector,
          .es = special.es.selector, .fs = special.fs.selector, .gs = special.gs.selector,
          .fs_base = special.fs.base, .gs_base = special.gs.base};
}

bool Machine::WriteMsr(std::uint32_t msr, std::uint64_t value) {
  struct {
    ListHead head{.count = 1};
    kvm_msr_entry entry{};
  } list;
  list.entry.index = msr;
  list.entry.data = value;
  return ioctl(vcpu_.get(), kSetMsrs, &list) == 1;  // how many it took
}

VcpuExit Machine::Run() {
  if (ioctl(vcpu_.get(), KVM_RUN, 0) != 0) return ExitOfError(errno);
  return ExitOfReason();
}

VcpuExit Machine::ExitOfError(int error_number) const {
  VcpuExit exit;
  exit.code = static_cast<std::uint64_t>(error_number);
  switch (error_number) {
    case EINTR: exit.kind = ExitKind::kInterrupted; break;
    case EFAULT: exit.kind = ExitKind::kMemoryFault; break;
    default: exit.kind = ExitKind::kHostError; break;
  }
  return exit;
}

VcpuExit Machine::PortExit() const {
  VcpuExit exit;
  exit.kind = run_->io.direction == KVM_EXIT_IO_OUT ? ExitKind::kPortWrite : ExitKind::kPortRead;
  exit.port = run_->io.port;
  exit.size = run_->io.size;
  exit.count = run_->io.count;
  const std::uint64_t offset = run_->io.data_offset;
  if (exit.size <= sizeof exit.value && offset <= run_size_ - sizeof exit.value) {
    // SAFETY: the bytes lie inside the mapping of run_size_ bytes; the kernel wrote them.
    std::memcpy(&exit.value, reinterpret_cast<const std::uint8_t*>(run_) + offset, exit.size);
  }
  return exit;
}

VcpuExit Machine::ExitOfReason() const {
  VcpuExit exit;
  exit.code = run_->exit_reason;
  switch (run_->exit_reason) {
    case KVM_EXIT_IO: return PortExit();
    case KVM_EXIT_MMIO:
      exit.kind = ExitKind::kMmio;
      exit.address = run_->mmio.phys_addr;
      exit.size = static_cast<std::uint8_t>(run_->mmio.len);
      exit.is_write = run_->mmio.is_write != 0;
      break;
    case KVM_EXIT_SHUTDOWN: exit.kind = ExitKind::kShutdown; break;
    case KVM_EXIT_HLT: exit.kind = ExitKind::kHlt; break;
    case KVM_EXIT_INTR: exit.kind = ExitKind::kInterrupted; break;
    case KVM_EXIT_INTERNAL_ERROR:
      exit.kind = ExitKind::kInternalError;
      exit.code = run_->internal.suberror;
      break;
    case KVM_EXIT_FAIL_ENTRY:
      exit.kind = ExitKind::kEntryFailed;
      exit.code = run_->fail_entry.hardware_entry_failure_reason;
      break;
    default: exit.kind = ExitKind::kOther; break;
  }
  return exit;
}

}  // namespace summon::hypervisor
