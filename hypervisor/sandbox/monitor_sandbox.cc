// SPDX-License-Identifier: Apache-2.0
// The steps, from what the other files of this folder offer.
#include "hypervisor/sandbox/monitor_sandbox.h"

#include <unistd.h>

#include "hypervisor/sandbox/privileges.h"
#include "hypervisor/sandbox/process.h"
#include "hypervisor/sandbox/seccomp.h"

namespace summon::hypervisor {

Status ConfineMonitor(const Confinement& confinement) {
  SUMMON_TRY(ResetProcess());
  if (confinement.namespaces_fd >= 0) SUMMON_TRY(EnterNamespaces(confinement.namespaces_fd));
  const int keep[] = {STDERR_FILENO, kControlFd, confinement.kvm_fd};
  const bool has_kvm = confinement.kvm_fd >= 0;
  SUMMON_TRY(CloseAllBut(std::span(keep).first(has_kvm ? 3 : 2)));
  SUMMON_TRY(LimitResources(confinement.uid ? UserId::kOwn : UserId::kShared));
  SUMMON_TRY(DropPrivileges(confinement.uid));
  SUMMON_TRY(OwnSignalsOf(kControlFd));
  return EndWithParent();
}

Status CloseToWaiting(std::span<const std::uint64_t> ioctls) {
  return EnterStage(MonitorPolicy::Waiting(ioctls).rules());
}

Status CloseToRunning(const MonitorNeeds& needs) {
  const std::uint32_t devices = needs.net_devices + needs.block_devices;
  SUMMON_TRY(LimitToWhatIsThere(kFirstDeviceFd + static_cast<int>(devices)));
  return EnterStage(MonitorPolicy::Running(needs).rules());
}

}  // namespace summon::hypervisor
