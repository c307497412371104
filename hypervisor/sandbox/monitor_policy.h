// SPDX-License-Identifier: Apache-2.0
#pragma once
// The system calls of a monitor, in two stages, and its descriptors' fixed numbers.
//
// *Waiting*: from the moment when it has made its machine (or, when that comes with the job, from
// its start) until it has laid out its guest. It takes a job with descriptors and parses an image
// that may be hostile: memory that is never executable, reads of files it was given, and the few
// KVM requests that a guest needs. No call that opens, connects or creates anything.
//
// *Running*: the guest. Numbers are fixed so that each rule can name them: code that a guest
// managed to run inside the monitor can run the guest's CPU, use the guest's own devices, write its
// console and its reports, and nothing else. No mapping, no descriptor, from here on.
//
// The filter of the second stage is added to that of the first, so the first permits all that the
// second does; MonitorPolicy checks nothing of this, a test does.

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
  static constexpr std::size_t kRulesMax = 64;

  // `ioctls`: the KVM requests up to the guest's first instruction and those while it runs.
  static MonitorPolicy Waiting(std::span<const std::uint64_t> ioctls);
  static MonitorPolicy Running(const MonitorNeeds& needs);

  std::span<const SyscallRule> rules() const { return {rules_.data(), count_}; }

 private:
  MonitorPolicy() = default;
  void Add(const SyscallRule& rule);
  void AddDevices(const MonitorNeeds& needs);
  void AddOrders();
  void AddReportsAndEnd();
  void AddJob();
  void AddMemory();
  void AddSettling();

  std::array<SyscallRule, kRulesMax> rules_{};
  std::size_t count_ = 0;
};

}  // namespace summon::hypervisor
