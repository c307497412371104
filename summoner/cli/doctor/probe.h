// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asks the monitor what this host's KVM is like.

#include <string>

#include "summoner/cli/doctor/facts.h"

namespace summon::cli {

struct ProbeOrder {
  std::string program;  // summon-monitor
  std::string kvm;      // the device's path
};

// Runs the monitor's probe to its end; milliseconds, or a tenth of a second where all is slow.
ProbeFacts RunProbe(const ProbeOrder& order);

}  // namespace summon::cli
