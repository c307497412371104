// SPDX-License-Identifier: Apache-2.0
// Saving and loading all of a virtual CPU, for snapshots.
//
// The guest has no interrupt controller, no debug registers of its own and no events under way: it
// stands in a hypercall. So its state is general and special registers, FPU (with all that XSAVE
// knows), and the few model-specific registers that are not part of the special ones.
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "hypervisor/kvm/machine.h"
#include "hypervisor/kvm/requests.h"

namespace summon::hypervisor {

namespace {

// AMD64 APM volume 2, appendix A. FS and GS base and EFER are in the special registers.
constexpr std::uint32_t kMsrs[] = {
    0xc0000081,  // STAR
    0xc0000082,  // LSTAR
    0xc0000083,  // CSTAR
    0xc0000084,  // SFMASK
    0xc0000102,  // KernelGSbase
    0x277,       // PAT
};
constexpr std::size_t kMsrCount = std::size(kMsrs);

struct MsrList {
  ListHead head;
  kvm_msr_entry entries[kMsrCount] = {};
};

constexpr std::size_t kFpuSizeMax = 12 * 1024;

constexpr std::uint32_t kStateMagic = 0x55504353;  // "SCPU"

struct SavedCpu {
  std::uint32_t magic;
  std::uint32_t msr_count;  // how many of the list this KVM knows
  kvm_regs general;
  kvm_sregs special;
  MsrList msrs;
  // What XSAVE gives; 4 KiB unless the host has features with more state (AMX: 11 KiB).
  std::uint8_t extended[kFpuSizeMax];
};
static_assert(sizeof(SavedCpu) <= CpuStateBlob::kSize);
static_assert(std::is_trivially_copyable_v<SavedCpu>);

}  // namespace

Result<CpuStateBlob> Machine::SaveState() {
  SUMMON_TRY(PreRun());  // completes the port access of the last exit; runs nothing of the guest
  SavedCpu saved{};
  saved.magic = kStateMagic;
  const int vcpu = vcpu_.get();
  if (ioctl(vcpu, KVM_GET_REGS, &saved.general) != 0 ||
      ioctl(vcpu, KVM_GET_SREGS, &saved.special) != 0) {
    return ErrnoError("read the registers of the virtual CPU", errno);
  }
  if (fpu_size_ > kFpuSizeMax) {
    return Error(ErrorCode::kInvalid, StrCat("the FPU's state has ", fpu_size_,
                                             " bytes on this host; at most ", kFpuSizeMax));
  }
  // A KVM that knows the newer call refuses the older one where the state is larger than 4 KiB.
  if (ioctl(vcpu, fpu_size_ == 0 ? kGetXsave : kGetXsave2, saved.extended) != 0) {
    return ErrnoError("read the FPU of the virtual CPU", errno);
  }
  saved.msrs.head.count = kMsrCount;
  for (std::size_t i = 0; i < kMsrCount; ++i) saved.msrs.entries[i].index = kMsrs[i];
  const int read = ioctl(vcpu, kGetMsrs, &saved.msrs);
  if (read < 0) return ErrnoError("read model-specific registers of the virtual CPU", errno);
  saved.msr_count = static_cast<std::uint32_t>(read);  // it stops at the first it does not know
  CpuStateBlob blob;
  std::memcpy(blob.bytes.data(), &saved, sizeof saved);
  return blob;
}

Status Machine::LoadState(const CpuStateBlob& blob) {
  SavedCpu saved;
  std::memcpy(&saved, blob.bytes.data(), sizeof saved);
  if (saved.magic != kStateMagic || saved.msr_count > kMsrCount) {
    return Error(ErrorCode::kInvalid, "the snapshot's CPU state is not one");
  }
  const int vcpu = vcpu_.get();
  if (ioctl(vcpu, kSetXsave, saved.extended) != 0) {
    return ErrnoError("load the FPU of the virtual CPU", errno);
  }
  for (std::size_t i = 0; i < kMsrCount; ++i) saved.msrs.entries[i].index = kMsrs[i];
  saved.msrs.head.count = saved.msr_count;
  const int written = ioctl(vcpu, kSetMsrs, &saved.msrs);
  if (written != static_cast<int>(saved.msr_count)) {
    return Error(ErrorCode::kIo, StrCat("load model-specific registers: ", written, " of ",
                                        saved.msr_count, " were taken"));
  }
  // In the place of what SetState() may have left there: the next Run() takes it along.
  run_->s.regs.regs = saved.general;
  run_->s.regs.sregs = saved.special;
  run_->kvm_dirty_regs |= KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
  return Ok();
}

}  // namespace summon::hypervisor
