// SPDX-License-Identifier: Apache-2.0
#pragma once
// One instance: from Launch to Ended, whatever it boots or wakes from.

#include <functional>

#include "launcher/launcher.h"
#include "launcher/monitor/end_report.h"
#include "launcher/monitor/guest.h"

namespace summon::launcher {

struct InstanceCallbacks {
  std::function<void(const StageReport&)> on_stage;
  // Its guest's monitor ended. May destroy the instance.
  std::function<void(const MonitorExit&)> on_exit;
};

class Instance final {
 public:
  // Has no guest yet.
  Instance(InstanceId instance_id, Instant launched, InstanceCallbacks callbacks)
      : id(instance_id), launched_(launched), callbacks_(std::move(callbacks)) {}
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Takes a guest that has just got its job, or that was just told to go on.
  void Run(Guest guest, Rung from);
  // Gives it up; it is heard no more.
  Guest Release();

  // Tells a stage, unless it was told. Whatever comes first, kAssigned is told before.
  void Tell(Stage stage, Instant at);

  Guest* guest() { return has_guest_ ? &guest_ : nullptr; }
  bool ready() const { return Told(Stage::kReady); }
  Rung from() const { return from_; }
  Instant launched() const { return launched_; }

  // How often it may be begun again after a monitor that died without having taken its job.
  static constexpr unsigned kBeginsAgainMax = 2;
  // False when it may not any more.
  bool BeginAgain() { return begun_again_++ < kBeginsAgainMax; }

  const InstanceId id;
  Asked asked = Asked::kNo;

 private:
  bool Told(Stage stage) const { return (told_ & 1u << static_cast<unsigned>(stage)) != 0; }

  const Instant launched_;
  InstanceCallbacks callbacks_;
  Guest guest_;
  bool has_guest_ = false;
  Rung from_ = Rung::kOff;
  unsigned told_ = 0;  // bit n: stage n was told
  unsigned begun_again_ = 0;
};

}  // namespace summon::launcher
