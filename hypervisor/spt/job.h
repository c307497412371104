// SPDX-License-Identifier: Apache-2.0
#pragma once
// The job as summon-spt takes it: the starter's frame and descriptors, checked.

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/seqpacket.h"
#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

struct SptJob {
  std::unique_ptr<JobFrame> frame;  // 15 KiB: not on the stack
  UniqueFd image;
  UniqueFd console;
  std::vector<UniqueFd> devices;  // as frame->devices, frame->device_count of them

  std::string_view command_line() const { return frame->command_line; }
  bool check_only() const { return (frame->flags & kJobCheckOnly) != 0; }
};

// The job in `packet`. Devices are checked against the image later (AttachDevices).
//
// Errors: kInvalid, naming the field, its value and what it must be.
Result<SptJob> TakeJob(Packet packet);

}  // namespace summon::hypervisor
