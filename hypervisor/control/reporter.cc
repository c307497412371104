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

void Reporter::Reached(Stage stage) {
  if (unsaid_count_ == unsaid_.size()) Flush();
  unsaid_[unsaid_count_++] = {stage, clock_.Now()};
}

void Reporter::Flush() {
  if (unsaid_count_ == 0) return;
  std::array<ReportFrame, kStages> frames;
  for (std::size_t i = 0; i < unsaid_count_; ++i) {
    frames[i] = NewFrame(ReportKind::kStage);
    frames[i].stage = unsaid_[i].stage;
    frames[i].at_nanos = ToNanos(unsaid_[i].at);
  }
  const std::size_t size = unsaid_count_ * sizeof frames[0];
  unsaid_count_ = 0;
  (void)send(control_fd_, frames.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);  // best effort
}

void Reporter::Prepared(std::uint64_t tsc_hz, GuestModeCode mode) {
  ReportFrame frame = NewFrame(ReportKind::kPrepared);
  frame.number = tsc_hz;
  frame.guest_mode = mode;
  Send(frame);
}

void Reporter::Held() {
  Flush();
  Send(NewFrame(ReportKind::kHeld));
}

void Reporter::Pong(std::uint64_t number) {
  Flush();
  ReportFrame frame = NewFrame(ReportKind::kPong);
  frame.number = number;
  Send(frame);
}

void Reporter::Ended(const End& end, const LossCounters& losses, std::uint64_t number) {
  Flush();
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
