// SPDX-License-Identifier: Apache-2.0
#pragma once
// The devices of a foreground unikernel: taps and files that exist already, by name or by number.

#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"
#include "launcher/foreground/foreground.h"

namespace summon::launcher {

struct ForegroundDevice {
  hypervisor::JobDevice device{};
  UniqueFd fd;
};

// An existing tap interface (attached to, by TUNSETIFF) or an open tap descriptor ("@FD"); made
// non-blocking; MTU as the interface has it.
Result<ForegroundDevice> OpenNet(const ForegroundNet& net);

// A file or block device, or an open descriptor ("@FD"); read only when it cannot be written.
Result<ForegroundDevice> OpenBlock(const ForegroundBlock& block);

}  // namespace summon::launcher
