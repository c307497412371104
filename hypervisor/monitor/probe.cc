// SPDX-License-Identifier: Apache-2.0
// Probing for people; see the header.
#include "hypervisor/monitor/probe.h"

#include <cstdio>

#include "base/strings.h"

namespace summon::hypervisor {

std::string ProbeLine(const PreparedMachine& probed) {
  char cycles[32];
  (void)std::snprintf(cycles, sizeof cycles, "%.1f", probed.cycles_per_instruction);  // it fits
  return StrCat("guest_mode=", probed.ring == CpuRing::kRing3 ? "ring3" : "ring0",
                " cycles_per_instruction=", cycles, " tsc_hz=", probed.tsc_hz);
}

Result<std::string> ProbeHost(int kvm_fd) {
  return ProbeLine(SUMMON_TRY(Prepare(kvm_fd, ModeChoice::kAuto)));
}

}  // namespace summon::hypervisor
