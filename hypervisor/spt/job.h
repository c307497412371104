// SPDX-License-Identifier: Apache-2.0
#pragma once
// The job as summon-spt takes it: the checked frame with its descriptors.

#include <memory>
#include <vector>

#include "base/result.h"
#include "base/seqpacket.h"
#include "base/unique_fd.h"
#include "hypervisor/control/job.h"

namespace summon::hypervisor {

struct SptJob {
  std::unique_ptr<Job> order;  // 15 KiB: not on the stack
  UniqueFd image;
  UniqueFd console;
  std::vector<UniqueFd> devices;  // one for each of order->devices()
};

// The job in `packet`. Devices are checked against the image later (AttachDevices).
//
// Errors: those of CheckJob.
Result<SptJob> TakeJob(Packet packet);

}  // namespace summon::hypervisor
