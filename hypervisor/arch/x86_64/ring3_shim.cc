// SPDX-License-Identifier: Apache-2.0
// Ring-3 mode: the place for it. The trap shim follows.
#include "hypervisor/arch/x86_64/ring3_shim.h"

namespace summon::hypervisor {

void InstallRing3Shim(const GuestMemory&) {}

Step Ring3Mode::Interpret(const VcpuExit&) {
  (void)registers_;
  return HostFault("guest mode ring3 is not built in");
}

}  // namespace summon::hypervisor
