// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is made once before anything is measured, as launcherd does it: layouts of images, a
// snapshot of a guest that waits, the job frames.

#include <memory>
#include <string>

#include "benchmarks/common/monitor.h"

namespace summon::benchmarks {

// An image that a monitor of one kind can be given, with the frame of its job (flags are 0).
struct Bootable {
  launcher::Kind kind = launcher::Kind::kKvm;
  UniqueFd file;  // its layout for summon-monitor, the image itself for summon-spt
  std::unique_ptr<hypervisor::JobFrame> frame;
};

struct BootableSpec {
  std::string image;  // a path
  launcher::Kind kind = launcher::Kind::kKvm;
  std::string command_line;
  std::uint32_t memory_mib = 16;
  std::string net;  // name of its net device; empty: none
};

// Opens the image; lays it out for KVM, which needs no /dev/kvm.
Result<Bootable> Prepare(Stable& stable, const BootableSpec& spec);

// The two ends of a cable in the place of a tap: both non-blocking, one frame is one packet.
struct Cable {
  UniqueFd guest;
  UniqueFd ours;

  static Result<Cable> Make();
  // Puts one small frame in the guest's queue.
  Status SendFrame() const;
};

// A guest of `bootable`, which has one net device, running and waiting in POLL.
struct Running {
  Cable cable;
  UniqueFd snapshot;  // empty, and what kTakeSnapshot fills; no descriptor when there is none
  std::unique_ptr<Monitor> monitor;
};
enum class Snapshots { kPossible, kNone };
Result<Running> Boot(Stable& stable, const Bootable& bootable, const std::string& guest_mode,
                     Snapshots snapshots);

// A guest of `bootable` that waits in POLL, in a sealed memory file.
Result<UniqueFd> TakeSnapshot(Stable& stable, const Bootable& bootable,
                              const std::string& guest_mode);

}  // namespace summon::benchmarks
