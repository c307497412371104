// SPDX-License-Identifier: Apache-2.0
// Names of stages and ends, as they stand in logs, metrics and waterfalls.
#include "launcher/launcher.h"

namespace summon::launcher {

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kAssigned: return "monitor_assigned";
    case Stage::kLoaded: return "image_loaded";
    case Stage::kRunning: return "guest_running";
    case Stage::kReady: return "ready";
    case Stage::kFirstPacketIn: return "first_packet_in";
    case Stage::kFirstByteOut: return "first_byte_out";
  }
  return "?";
}

std::string_view RungName(Rung rung) {
  switch (rung) {
    case Rung::kPaused: return "paused";
    case Rung::kParked: return "parked";
    case Rung::kSaved: return "saved";
    case Rung::kOff: return "off";
  }
  return "?";
}

std::string_view EndReasonName(EndReason reason) {
  switch (reason) {
    case EndReason::kReclaimed: return "reclaimed";
    case EndReason::kHalted: return "halted";
    case EndReason::kGuestFault: return "guest_fault";
    case EndReason::kImageRejected: return "image_rejected";
    case EndReason::kMonitorDied: return "monitor_died";
    case EndReason::kUnavailable: return "unavailable";
    case EndReason::kHostFault: return "host_fault";
    case EndReason::kLost: return "lost";
  }
  return "?";
}

}  // namespace summon::launcher
