// SPDX-License-Identifier: Apache-2.0
#pragma once
// The job's descriptors: checked against what the frame says of them, and moved to the fixed
// numbers that the sandbox's rules name.

#include <array>
#include <cstddef>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/control/job.h"

namespace summon::hypervisor {

// By the position of a device in the job.
struct PlacedDescriptors {
  std::vector<UniqueFd> owners;
  std::array<int, kDevicesMax> device_fd{};
  std::uint32_t net_count = 0;
  std::uint32_t block_count = 0;
};

// Whether each descriptor can do what the job wants of it: the image can be read, the console
// written, a block file is as large as its capacity and writable unless it is read-only.
//
// Errors: kInvalid, naming the device.
Status CheckDescriptors(const Job& job, const std::vector<UniqueFd>& fds);

// Moves descriptors whose numbers are among the fixed ones out of the way, so that placing one
// never closes another.
Status ClearFixedNumbers(std::vector<UniqueFd>& fds);

// After ClearFixedNumbers(): moves the console to kConsoleFd, the snapshot's and the core's files
// to kSnapshotFd and kCoreFd, net devices to kFirstDeviceFd and up, block devices after them; makes
// taps, and a console that is a pipe or socket, non-blocking; closes the others.
Result<PlacedDescriptors> PlaceDescriptors(const Job& job, std::vector<UniqueFd> fds);

}  // namespace summon::hypervisor
