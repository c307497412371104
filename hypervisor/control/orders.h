// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a monitor is told after its job.
//
// Orders are read when the guest waits in POLL, and when a signal has stopped its CPU; a ping is
// answered on the spot, the rest is remembered for who asks. Works inside the sandbox: one call on
// the control socket, nothing allocated.

#include <utility>

#include "hypervisor/control/protocol.h"
#include "hypervisor/control/reporter.h"
#include "hypervisor/devices/host_devices.h"

namespace summon::hypervisor {

class Orders final : public ControlInbox {
 public:
  // Both are borrowed. The socket's mode does not matter: reads never block.
  Orders(int control_fd, Reporter& reporter)
      : control_fd_(control_fd), reporter_(reporter) {}

  // Ends the process when the starter has hung up, or says what is no order: who runs a guest for
  // nobody, or for somebody who is not our launcher, must not.
  void Drain() override;
  bool leave_wanted() const override { return snapshot_wanted_; }
  bool has_unsaid() const override { return reporter_.has_unsaid(); }
  void SayAll() override { reporter_.Flush(); }
  bool TakeResumed() override { return std::exchange(go_, false); }

  // Waits for kGo, and serves what comes before it.
  void AwaitGo();

 private:
  void Take(const OrderFrame& order);

  const int control_fd_;
  Reporter& reporter_;
  bool go_ = false;
  bool snapshot_wanted_ = false;
};

}  // namespace summon::hypervisor
