// SPDX-License-Identifier: Apache-2.0
#pragma once
// `summon-monitor --probe --kvm-fd=N`: what this host's KVM is like, for people and for
// `summon doctor`. No job, no guest but the probe's own loop.

#include <string>

#include "base/result.h"
#include "hypervisor/monitor/prepare.h"

namespace summon::hypervisor {

// One line without its end: "guest_mode=ring3 cycles_per_instruction=1620.4 tsc_hz=2450000000".
// `probed` was made with kAuto.
std::string ProbeLine(const PreparedMachine& probed);

// The line for `kvm_fd` (borrowed), or why a machine cannot be made on it.
Result<std::string> ProbeHost(int kvm_fd);

}  // namespace summon::hypervisor
