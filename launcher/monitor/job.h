// SPDX-License-Identifier: Apache-2.0
#pragma once
// From an order to the one message that a monitor gets.

#include <memory>
#include <vector>

#include "base/result.h"
#include "hypervisor/control/protocol.h"
#include "launcher/launch_order.h"

namespace summon::launcher {

inline constexpr std::uint32_t kMemoryMibMax = 4096;  // Solo5 hvt on x86_64, from 0.9.0

// What is wrong with an order that can be seen without its files: sizes, names, numbers.
Status CheckOrder(const LaunchOrder& order);

struct Job {
  std::unique_ptr<hypervisor::JobFrame> frame;  // 15 KiB: too much for the stack
  std::vector<int> fds;                         // borrowed from the order and the ends below
};

// Descriptors that are not part of the order; borrowed.
struct JobEnds {
  int image = -1;
  int console = -1;
  int tap = -1;  // for the net device, if the order has one
};

// Errors: kInvalid when a block file's size does not fit its sector size.
Result<Job> BuildJob(const LaunchOrder& order, const JobEnds& ends);

// The MAC of the order's net device.
MacAddress GuestMac(const LaunchOrder& order);

}  // namespace summon::launcher
