// SPDX-License-Identifier: Apache-2.0
#pragma once
// summon-monitor's way into its sandbox, in the three steps in which it goes. A program of the
// tests goes the same way and then tries to get out.

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "hypervisor/sandbox/monitor_policy.h"

namespace summon::hypervisor {

struct Confinement {
  std::optional<std::uint32_t> uid;  // become this user, when root
  int namespaces_fd = -1;            // the first of kNamespaces to enter; negative: none
  int kvm_fd = -1;                   // an open /dev/kvm that stays open; negative: none
};

// First of all: everything but a filter. The making of a machine follows.
Status ConfineMonitor(const Confinement& confinement);

// Then, before the job: the first stage. `ioctls` as for MonitorPolicy::Waiting.
Status CloseToWaiting(std::span<const std::uint64_t> ioctls);

// When the guest is laid out and its descriptors have their numbers: no descriptor or thread can
// be made any more, and the second stage begins.
Status CloseToRunning(const MonitorNeeds& needs);

}  // namespace summon::hypervisor
