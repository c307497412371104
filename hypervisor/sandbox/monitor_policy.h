// SPDX-License-Identifier: Apache-2.0
#pragma once
// The system calls of a monitor while its guest runs, and its descriptors' fixed numbers.
//
// Numbers are fixed so that each rule can name them: code that a guest managed to run inside the
// monitor can run the guest's CPU, use the guest's own devices, write its console and its reports,
// and nothing else. There is no call that opens, maps, protects or creates anything.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hypervisor/control/protocol.h"
#include "hypervisor/sandbox/seccomp.h"

namespace summon::hypervisor {

// kControlFd is 3; 4 is where /dev/kvm may be given.
inline constexpr int kVcpuFd = 5;
inline constexpr int kConsoleFd = 6;
inline constexpr int kSnapshotFd = 7;  // kJobSnapshots
inline constexpr int kCoreFd = 8;      // kJobCoreFile
inline constexpr int kFirstDeviceFd = 9;
inline constexpr int kDescriptorsEnd = kFirstDeviceFd + static_cast<int>(kDevicesMax);

// What the guest has; net devices have the numbers from kFirstDeviceFd, then come block devices.
struct MonitorNeeds {
  std::uint32_t net_devices = 0;
  std::uint32_t block_devices = 0;
  std::span<const std::uint64_t> vcpu_ioctls;  // the first is KVM_RUN
  bool snapshots = false;                      // one may be written to kSnapshotFd
  std::span<const std::uint64_t> snapshot_ioctls = {};
  bool core_file = false;                      // a core may be written to kCoreFd
};

class MonitorPolicy final {
 public:
  static constexpr std::size_t kRulesMax = 24;

  explicit MonitorPolicy(const MonitorNeeds& needs);
  std::span<const SyscallRule> rules() const { return {rules_.data(), count_}; }

 private:
  void Add(const SyscallRule& rule);

  std::array<SyscallRule, kRulesMax> rules_{};
  std::size_t count_ = 0;
};

}  // namespace summon::hypervisor
