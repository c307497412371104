// SPDX-License-Identifier: Apache-2.0
#pragma once
// The system calls that a guest of the Solo5 spt ABI may make: its whole interface to the world.
//
// The guest's code runs in our process and makes system calls itself, so this table is the wall.
// Every permitted call names a descriptor that the job gave, and block transfers are bounded by
// the device's capacity. Anything else ends the process (SIGSYS).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "hypervisor/sandbox/seccomp.h"

namespace summon::hypervisor {

struct PolicyNet {
  int fd = -1;
};

struct PolicyBlock {
  int fd = -1;
  std::uint32_t sector_size = 0;
  std::uint64_t capacity = 0;
  bool read_only = false;
};

struct SptPolicy {
  int console_fd = 1;
  int control_fd = 3;
  int epoll_fd = -1;
  int timer_fd = -1;
  std::vector<PolicyNet> nets;      // at most kDevicesMax
  std::vector<PolicyBlock> blocks;  // at most kDevicesMax
};

// Before the job and until the guest is laid out: the monitor's first stage
// (hypervisor/sandbox/monitor_policy.h), for this program. Permits all that SptRules() do. Here
// memory may become executable, but only where guests are mapped, and not while it is writable.
std::span<const SyscallRule> SptWaitingRules();

// The rules for `policy`, frequent calls first. At most about 140.
std::vector<SyscallRule> SptRules(const SptPolicy& policy);

// The filter for `policy`.
//
// Errors: kExhausted when it does not fit into one program.
Result<FilterProgram> BuildSptFilter(const SptPolicy& policy);

}  // namespace summon::hypervisor
