// SPDX-License-Identifier: Apache-2.0
// Gives the job's descriptors their meaning; see the header.
#include "hypervisor/spt/job.h"

#include <utility>

namespace summon::hypervisor {

Result<SptJob> TakeJob(Packet packet) {
  SptJob job;
  job.order = SUMMON_TRY(CheckJob(packet.bytes, packet.fds.size()));
  job.image = std::move(packet.fds[Job::kImage]);
  job.console = std::move(packet.fds[Job::kConsole]);
  // /dev/kvm, which may have come too, is not for us: it closes with the packet.
  for (std::size_t i = job.order->first_device(); i < packet.fds.size(); ++i) {
    job.devices.push_back(std::move(packet.fds[i]));
  }
  return job;
}

}  // namespace summon::hypervisor
