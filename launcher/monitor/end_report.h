// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the end of a monitor process means for its instance. Pure.

#include "launcher/launcher.h"
#include "launcher/monitor/process.h"

namespace summon::launcher {

enum class Asked { kNo, kReclaim };

// An instance of the process kind has no monitor left once it runs: its own exit status and
// signals are the guest's. A monitor of kind kvm reports the end itself; if it does not, it died.
EndReport InterpretExit(Kind kind, Asked asked, const MonitorExit& exit);

// The end of a monitor that had no job yet or only an image to check, for people.
std::string DescribeExit(const MonitorExit& exit);

}  // namespace summon::launcher
