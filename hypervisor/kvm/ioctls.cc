// SPDX-License-Identifier: Apache-2.0
// The lists.
#include "hypervisor/kvm/ioctls.h"

#include "hypervisor/kvm/requests.h"

namespace summon::hypervisor {

namespace {

constexpr std::uint64_t kRing0[] = {KVM_RUN, KVM_GET_REGS};
constexpr std::uint64_t kRing0Core[] = {KVM_RUN, KVM_GET_REGS, KVM_GET_SREGS};
constexpr std::uint64_t kRing3[] = {KVM_RUN, kSetMsrs, KVM_GET_SREGS};
constexpr std::uint64_t kSnapshot[] = {KVM_GET_REGS, KVM_GET_SREGS, kGetXsave, kGetXsave2,
                                       kGetMsrs};

// Waiting: what any guest may need while it runs, memory, the state to go on from; and, where the
// machine comes with the job, the making of it.
constexpr std::uint64_t kWaiting[] = {
    KVM_RUN,       kSetMsrs,   KVM_GET_REGS, KVM_GET_SREGS,  // while it runs
    kGetXsave,     kGetXsave2, kGetMsrs,
    KVM_SET_USER_MEMORY_REGION,  kSetXsave,  // before it does
    KVM_GET_API_VERSION,  // the first that is only for making a machine
    KVM_GET_VCPU_MMAP_SIZE, KVM_CREATE_VM, KVM_CHECK_EXTENSION, KVM_CREATE_VCPU, kSetCpuid,
    KVM_GET_TSC_KHZ, KVM_SET_DEVICE_ATTR};
constexpr std::size_t kWithMachine = 9;
static_assert(kWaiting[kWithMachine] == KVM_GET_API_VERSION);

struct Name {
  std::uint64_t request;
  const char* name;
};
constexpr Name kNames[] = {{KVM_RUN, "KVM_RUN"},
                           {kSetMsrs, "KVM_SET_MSRS"},
                           {KVM_GET_REGS, "KVM_GET_REGS"},
                           {KVM_GET_SREGS, "KVM_GET_SREGS"},
                           {kGetXsave, "KVM_GET_XSAVE"},
                           {kGetXsave2, "KVM_GET_XSAVE2"},
                           {kGetMsrs, "KVM_GET_MSRS"},
                           {kSetXsave, "KVM_SET_XSAVE"},
                           {KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION"},
                           {KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR"},
                           {KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION"},
                           {KVM_GET_API_VERSION, "KVM_GET_API_VERSION"},
                           {KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE"},
                           {KVM_CREATE_VM, "KVM_CREATE_VM"},
                           {KVM_CREATE_VCPU, "KVM_CREATE_VCPU"},
                           {kSetCpuid, "KVM_SET_CPUID2"},
                           {KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ"}};

}  // namespace

std::span<const std::uint64_t> IoctlsOfRing0Guest() { return kRing0; }
std::span<const std::uint64_t> IoctlsOfRing0GuestWithCore() { return kRing0Core; }
std::span<const std::uint64_t> IoctlsOfRing3Guest() { return kRing3; }
std::span<const std::uint64_t> IoctlsOfSnapshot() { return kSnapshot; }
std::span<const std::uint64_t> IoctlsWithMachine() {
  return std::span(kWaiting).first(kWithMachine);
}
std::span<const std::uint64_t> IoctlsWithoutMachine() { return kWaiting; }

const char* IoctlName(std::uint64_t request) {
  for (const Name& known : kNames) {
    if (known.request == request) return known.name;
  }
  return "";
}

}  // namespace summon::hypervisor
