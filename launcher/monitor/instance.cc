// SPDX-License-Identifier: Apache-2.0
// Whose guest speaks, and what of it is told.
#include "launcher/monitor/instance.h"

#include <algorithm>

namespace summon::launcher {

namespace {

// The monitor's numbers are those of the protocol; ours begin at 0.
Stage FromProtocol(hypervisor::Stage stage) {
  return static_cast<Stage>(static_cast<std::uint32_t>(stage) - 1);
}
static_assert(static_cast<int>(hypervisor::Stage::kAssigned) - 1 ==
              static_cast<int>(Stage::kAssigned));
static_assert(static_cast<int>(hypervisor::Stage::kFirstByteOut) - 1 ==
              static_cast<int>(Stage::kFirstByteOut));

}  // namespace

void Instance::Run(Guest guest, Rung from) {
  guest_ = std::move(guest);
  has_guest_ = true;
  from_ = from;
  guest_.process->OnStage(
      [this](hypervisor::Stage stage, Instant at) { Tell(FromProtocol(stage), at); });
  guest_.process->OnExit([this](const MonitorExit& exit) {
    guest_.console->Drain();
    const auto on_exit = callbacks_.on_exit;
    on_exit(exit);  // may destroy this instance
  });
}

Guest Instance::Release() {
  SUMMON_CHECK(has_guest_);
  has_guest_ = false;
  guest_.process->Silence();
  return std::move(guest_);
}

void Instance::Tell(Stage stage, Instant at) {
  if (Told(stage)) return;
  if (stage != Stage::kAssigned && !Told(Stage::kAssigned)) Tell(Stage::kAssigned, launched_);
  told_ |= 1u << static_cast<unsigned>(stage);
  callbacks_.on_stage(StageReport{stage, std::max(at, launched_), guest_.kind, from_});
}

}  // namespace summon::launcher
