// SPDX-License-Identifier: Apache-2.0
// The lists.
#include "hypervisor/kvm/ioctls.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

namespace summon::hypervisor {

namespace {

// The requests whose structures end in an array have another number in C++ than in C: see
// machine.cc.
struct ListHead {
  std::uint32_t count;
  std::uint32_t padding;
};
constexpr std::uint64_t kSetCpuid = _IOW(KVMIO, 0x90, ListHead);
constexpr std::uint64_t kSetMsrs = _IOW(KVMIO, 0x89, ListHead);

constexpr std::uint64_t kRing0[] = {KVM_RUN, KVM_GET_REGS};
constexpr std::uint64_t kRing3[] = {KVM_RUN, kSetMsrs, KVM_GET_SREGS};
constexpr std::uint64_t kWithMachine[] = {KVM_RUN, kSetMsrs, KVM_GET_REGS, KVM_GET_SREGS,
                                          KVM_SET_USER_MEMORY_REGION};
constexpr std::uint64_t kWithoutMachine[] = {
    KVM_RUN,       kSetMsrs,          KVM_GET_REGS,      KVM_GET_SREGS,
    KVM_SET_USER_MEMORY_REGION,
    KVM_GET_API_VERSION, KVM_GET_VCPU_MMAP_SIZE, KVM_CREATE_VM, KVM_CREATE_VCPU, kSetCpuid,
    KVM_GET_TSC_KHZ};

struct Name {
  std::uint64_t request;
  const char* name;
};
constexpr Name kNames[] = {{KVM_RUN, "KVM_RUN"},
                           {kSetMsrs, "KVM_SET_MSRS"},
                           {KVM_GET_REGS, "KVM_GET_REGS"},
                           {KVM_GET_SREGS, "KVM_GET_SREGS"},
                           {KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION"},
                           {KVM_GET_API_VERSION, "KVM_GET_API_VERSION"},
                           {KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE"},
                           {KVM_CREATE_VM, "KVM_CREATE_VM"},
                           {KVM_CREATE_VCPU, "KVM_CREATE_VCPU"},
                           {kSetCpuid, "KVM_SET_CPUID2"},
                           {KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ"}};

}  // namespace

std::span<const std::uint64_t> IoctlsOfRing0Guest() { return kRing0; }
std::span<const std::uint64_t> IoctlsOfRing3Guest() { return kRing3; }
std::span<const std::uint64_t> IoctlsWithMachine() { return kWithMachine; }
std::span<const std::uint64_t> IoctlsWithoutMachine() { return kWithoutMachine; }

const char* IoctlName(std::uint64_t request) {
  for (const Name& known : kNames) {
    if (known.request == request) return known.name;
  }
  return "";
}

}  // namespace summon::hypervisor
