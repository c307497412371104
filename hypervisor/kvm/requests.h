// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers of KVM requests that the kernel's header gets wrong for C++.
//
// kvm_cpuid2, kvm_msrs and kvm_xsave end in an array without a size, which the header declares in a
// way that has another size in C++ than in C (an empty struct takes a byte; seen with Linux 6.1's
// headers), and with it another number. So their heads are declared here again.

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace summon::hypervisor {

struct ListHead {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
};
static_assert(sizeof(ListHead) == 8);
// What the number counts of kvm_xsave.
struct XsaveArea {
  std::uint8_t bytes[4096];
};

inline constexpr std::uint64_t kSetCpuid = _IOW(KVMIO, 0x90, ListHead);    // KVM_SET_CPUID2
inline constexpr std::uint64_t kGetMsrs = _IOWR(KVMIO, 0x88, ListHead);    // KVM_GET_MSRS
inline constexpr std::uint64_t kSetMsrs = _IOW(KVMIO, 0x89, ListHead);     // KVM_SET_MSRS
inline constexpr std::uint64_t kGetXsave = _IOR(KVMIO, 0xa4, XsaveArea);   // KVM_GET_XSAVE
inline constexpr std::uint64_t kSetXsave = _IOW(KVMIO, 0xa5, XsaveArea);   // KVM_SET_XSAVE
inline constexpr std::uint64_t kGetXsave2 = _IOR(KVMIO, 0xcf, XsaveArea);  // KVM_GET_XSAVE2

}  // namespace summon::hypervisor
