// SPDX-License-Identifier: Apache-2.0
// Probing for people; see the header.
#include "hypervisor/monitor/probe.h"

#include <cstdio>

#include "base/strings.h"

namespace summon::hypervisor {

std::string ProbeLine(const RingProbe& probe, std::uint64_t tsc_hz) {
  char cycles[32];
  (void)std::snprintf(cycles, sizeof cycles, "%.1f", probe.cycles_per_instruction);  // it fits
  return StrCat("guest_mode=", probe.ring == CpuRing::kRing3 ? "ring3" : "ring0",
                " cycles_per_instruction=", cycles, " tsc_hz=", tsc_hz);
}

Result<std::string> ProbeHost(int kvm_fd) {
  const RingProbe probe = SUMMON_TRY(ProbeRing(kvm_fd));
  const ModeChoice mode =
      probe.ring == CpuRing::kRing3 ? ModeChoice::kRing3 : ModeChoice::kRing0;
  const PreparedMachine prepared = SUMMON_TRY(Prepare(kvm_fd, mode));
  return ProbeLine(probe, prepared.tsc_hz);
}

}  // namespace summon::hypervisor
