// SPDX-License-Identifier: Apache-2.0
// Report frames onto the control socket.
#include "hypervisor/control/reporter.h"

#include <sys/socket.h>

#include <cstring>

namespace summon::hypervisor {

namespace {

ReportFrame NewFrame(ReportKind kind) {
  ReportFrame frame{};
  frame.magic = kProtocolMagic;
  frame.version = kProtocolVersion;
  frame.kind = kind;
  return frame;
}

}  // namespace

void Reporter::Reached(Stage stage) const {
  ReportFrame frame = NewFrame(ReportKind::kStage);
  frame.stage = stage;
  frame.at_nanos = ToNanos(clock_.Now());
  Send(frame);
}

void Reporter::Prepared(std::uint64_t tsc_hz, GuestModeCode mode) const {
  ReportFrame frame = NewFrame(ReportKind::kPrepared);
  frame.number = tsc_hz;
  frame.guest_mode = mode;
  Send(frame);
}

void Reporter::Held() const { Send(NewFrame(ReportKind::kHeld)); }

void Reporter::Pong(std::uint64_t number) const {
  ReportFrame frame = NewFrame(ReportKind::kPong);
  frame.number = number;
  Send(frame);
}

void Reporter::Ended(const End& end, const LossCounters& losses, std::uint64_t number) const {
  ReportFrame frame = NewFrame(ReportKind::kEnd);
  frame.reason = end.reason;
  frame.exit_status = end.exit_status;
  frame.frames_dropped = losses.frames_dropped;
  frame.frames_forged = losses.frames_forged;
  frame.console_bytes_lost = losses.console_bytes_lost;
  frame.number = number;
  const std::string_view detail = end.detail.view();  // shorter than the field
  std::memcpy(frame.detail, detail.data(), detail.size());
  Send(frame);
}

void Reporter::Send(const ReportFrame& frame) const {
  (void)send(control_fd_, &frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL);  // best effort
}

}  // namespace summon::hypervisor
