// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sends a monitor's reports to whoever started it.
//
// A report that the other side does not take is dropped: a slow or dead launcher must not hold up
// a guest. Works inside the sandbox: one call on the control socket, nothing allocated.

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

  void Reached(Stage stage) const;
  // `number`: ReportFrame::number of an end with kSnapshotTaken.
  void Ended(const End& end, const LossCounters& losses, std::uint64_t number = 0) const;
  void Prepared(std::uint64_t tsc_hz, GuestModeCode mode) const;
  void Held() const;
  void Pong(std::uint64_t number) const;

 private:
  void Send(const ReportFrame& frame) const;

  const int control_fd_;
  const Clock& clock_;
};

}  // namespace summon::hypervisor
