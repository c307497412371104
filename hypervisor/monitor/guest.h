// SPDX-License-Identifier: Apache-2.0
#pragma once
// One guest: laid out in memory from a checked image and job, then run to its end.

#include <array>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "hypervisor/arch/x86_64/guest_mode.h"
#include "hypervisor/control/job.h"
#include "hypervisor/control/reporter.h"
#include "hypervisor/devices/host_devices.h"
#include "hypervisor/hypercall/dispatcher.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/descriptors.h"
#include "hypervisor/monitor/prepare.h"

namespace summon::hypervisor {

// A guest in memory, before its first instruction. Not movable: KVM and spans point into it.
class Guest final {
 public:
  explicit Guest(PreparedMachine prepared) : prepared_(std::move(prepared)) {}
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Lays the image out: memory, page tables, boot area, protections, registers.
  // `manifest` is the image's with its devices attached.
  Status Build(const Job& job, const Image& image, ImageSource& source, const Manifest& manifest);

  // Closes the sandbox and runs the guest until it ends. Once only, after Build().
  End Run(const Job& job, const Manifest& manifest, const PlacedDescriptors& placed,
          const Reporter& reporter, const Clock& clock);

  LossCounters losses() const { return losses_; }

 private:
  Status CloseSandbox(const PlacedDescriptors& placed);
  End Loop(HypercallDispatcher& dispatcher);

  // Destroyed last: the machine uses it.
  GuestMapping mapping_;
  GuestMemory memory_;
  PreparedMachine prepared_;
  std::unique_ptr<GuestMode> mode_;
  LossCounters losses_;
};

}  // namespace summon::hypervisor
