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

// The frame of every job for this order: built once, because nothing in it changes from launch to
// launch but the flags, which are 0 here. Asks for the sizes of the block files, which may block.
// Errors: kInvalid when a block file's size does not fit its sector size.
Result<std::unique_ptr<hypervisor::JobFrame>> BuildFrame(const LaunchOrder& order);

// Whether the block files still hold what the frame says of them. A file may have grown.
Status CheckBlockFiles(const LaunchOrder& order, const hypervisor::JobFrame& frame);

// Descriptors that are not part of the order; borrowed, -1 where a job has none.
struct JobEnds {
  int image = -1;     // or its layout
  int console = -1;
  int restore = -1;   // the snapshot to go on from
  int snapshots = -1;  // the file for the next one
  int tap = -1;       // for the net device, if the order has one
};

// The descriptors of a job in the order in which the protocol wants them, and in `flags` those
// that they bring.
std::vector<int> JobDescriptors(const LaunchOrder& order, const JobEnds& ends,
                                std::uint32_t& flags);

// The MAC of the order's net device.
MacAddress GuestMac(const LaunchOrder& order);

// As the job frame says it.
hypervisor::FrameCheck FrameCheckOf(SpoofCheck check);

}  // namespace summon::launcher
