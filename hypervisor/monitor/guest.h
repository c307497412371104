// SPDX-License-Identifier: Apache-2.0
#pragma once
// One guest: put into memory from an image, a layout or a snapshot, then run to its end.

#include <array>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "hypervisor/arch/x86_64/guest_mode.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"
#include "hypervisor/control/job.h"
#include "hypervisor/control/orders.h"
#include "hypervisor/control/reporter.h"
#include "hypervisor/hypercall/dispatcher.h"
#include "hypervisor/layout/layout.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/memory/guest_memory.h"
#include "hypervisor/monitor/descriptors.h"
#include "hypervisor/monitor/prepare.h"
#include "hypervisor/snapshot/snapshot.h"

namespace summon::hypervisor {

// A guest in memory, before its next instruction. Not movable: KVM and spans point into it.
class Guest final {
 public:
  explicit Guest(PreparedMachine prepared) : prepared_(std::move(prepared)) {}
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Exactly one of these comes first.
  // From an image: copied. `manifest` is the image's with its devices attached.
  Status Build(const Job& job, const Image& image, ImageSource& source, const Manifest& manifest);
  // From the layout in `file` (ReadLayout has given `layout`): mapped.
  Status Map(const LayoutHeader& layout, int file);

  // After Map: the guest goes on from the snapshot in `file`.
  // Errors: kInvalid when the snapshot does not fit; the guest must not run then.
  Status Restore(int file, RestoreMode mode);

  struct Surroundings {
    const Job& job;
    const PlacedDescriptors& placed;
    Reporter& reporter;
    const Clock& clock;
  };
  // Closes the sandbox and runs the guest until it ends. Once only, last.
  End Run(const Surroundings& around);

  LossCounters losses() const { return losses_; }
  // Of the snapshot, when Run() gave kSnapshotTaken.
  std::uint64_t snapshot_bytes() const { return snapshot_bytes_; }

 private:
  Status Finish(const CpuState& state);
  Status CloseSandbox(const Surroundings& around);
  std::optional<End> Enter(HypercallDispatcher& dispatcher, Orders& orders,
                           const Surroundings& around);
  End Loop(HypercallDispatcher& dispatcher, Orders& orders, Reporter& reporter);
  // Writes the core file, and says in `end` when it cannot.
  void DumpCore(End& end);
  End TakeSnapshot(const HypercallDispatcher& dispatcher);

  PreparedMachine prepared_;  // destroyed last: it holds the memory
  GuestMemory memory_;
  std::unique_ptr<Ring0Mode> ring0_;
  std::unique_ptr<Ring3Mode> ring3_;
  GuestMode* mode_ = nullptr;  // one of the two
  DeviceHandles handles_{};
  LayoutHeader layout_{};                             // after Map
  std::optional<HypercallDispatcher::PendingPoll> restored_;  // after Restore
  std::unique_ptr<SnapshotWriter> snapshot_;          // when the job permits one
  LossCounters losses_;
  std::uint64_t snapshot_bytes_ = 0;
  // On the heap, since probes of a large stack frame would touch every page of it; not cleared, and
  // not freed before the process ends: the sandbox allows neither.
  std::unique_ptr<FrameBuffer> frame_ = std::make_unique_for_overwrite<FrameBuffer>();
};

}  // namespace summon::hypervisor
