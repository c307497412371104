// SPDX-License-Identifier: Apache-2.0
#pragma once
// The monitor's command line. There is little to say on it: the rest comes with the job.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace summon::hypervisor {

// kAuto: ring 0, unless a probe shows that this host's KVM interprets it (mode_probe.h).
enum class ModeChoice { kAuto, kRing0, kRing3 };

struct Options {
  std::optional<std::uint32_t> uid;  // --uid=N: become this user and group, when root
  int namespaces_fd = -1;            // --namespaces=N: the first of kNamespaces to enter
  int kvm_fd = -1;                   // --kvm-fd=N: an open /dev/kvm, to prepare with
  bool probe = false;                // --probe: say what this KVM is like, and end
  ModeChoice mode = ModeChoice::kAuto;  // --guest-mode=auto|ring0|ring3
};

// Errors: kInvalid, with the argument and the usage.
Result<Options> ParseOptions(std::span<char* const> arguments);

}  // namespace summon::hypervisor
