// SPDX-License-Identifier: Apache-2.0
#pragma once
// What rests of a service.

#include "launcher/launcher.h"
#include "launcher/monitor/guest.h"

namespace summon::launcher {

struct Resting {
  Rung rung = Rung::kOff;
  Guest guest{};        // kPaused, kParked: stopped, or held. Always: its kind and its machine
  UniqueFd snapshot{};  // kParked: what the guest is held from; kSaved: before it is in its file
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;  // kSaved: of the file

  bool has_guest() const { return guest.process != nullptr; }
  Rest told() const { return Rest{rung, memory_bytes, disk_bytes}; }
};

}  // namespace summon::launcher
