// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sends a monitor's reports to whoever started it.
//
// Stages are noted when they are reached and sent a little later, together (see Reached). A report
// that the other side does not take is dropped: a slow or dead launcher must not hold up
// a guest. Works inside the sandbox: one call on the control socket, nothing allocated.

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "hypervisor/control/detail.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

struct LossCounters {
  std::uint64_t frames_dropped = 0;
  std::uint64_t frames_forged = 0;
  std::uint64_t console_bytes_lost = 0;
};

class Reporter final {
 public:
  // `control_fd` is borrowed.
  Reporter(int control_fd, const Clock& clock) : control_fd_(control_fd), clock_(clock) {}

  // Notes the stage with its time; Flush() sends it. A report costs some 10 us (it wakes the
  // starter), which a guest on its way to its first byte should not wait for.
  void Reached(Stage stage);
  bool has_unsaid() const { return unsaid_count_ > 0; }
  void Flush();
  // The following send what was noted first.
  // `number`: ReportFrame::number of an end with kSnapshotTaken.
  void Ended(const End& end, const LossCounters& losses, std::uint64_t number = 0);
  void Prepared(std::uint64_t tsc_hz, GuestModeCode mode);
  void Held();
  void Pong(std::uint64_t number);

 private:
  struct Unsaid {
    Stage stage{};
    Instant at{};
  };
  void Send(const ReportFrame& frame) const;

  std::array<Unsaid, kStages> unsaid_{};
  std::size_t unsaid_count_ = 0;
  const int control_fd_;
  const Clock& clock_;
};

}  // namespace summon::hypervisor
