// SPDX-License-Identifier: Apache-2.0
#pragma once
// One guest of the Solo5 spt ABI: from a job to its first instruction.

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"
#include "hypervisor/spt/job.h"

namespace summon::hypervisor {

// The descriptors that the ABI gives every guest; made before the job comes.
struct SptTimers {
  UniqueFd epoll;  // the timer is registered already
  UniqueFd timer;
};

// Errors: the kernel's.
Result<SptTimers> MakeTimers();

// Why a job did not become a running guest, as the end report says it.
struct RunFailure {
  EndReason reason = EndReason::kHostFault;
  Error error;
};

// Runs `job`: reports kAssigned, kLoaded and kRunning, locks the process down and jumps. Returns
// only when that failed, or with no value when the job was only to check the image and it is good.
std::optional<RunFailure> RunJob(SptJob job, SptTimers timers);

}  // namespace summon::hypervisor
