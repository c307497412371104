// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which frames a guest's tap lets into the host, as a classic BPF program for the kernel's traffic
// control (clsact, ingress).
//
// The same rules as hypervisor/devices/frame_check.h, once more and out of the guest's reach: a
// process guest writes to its tap itself, and a monitor that has been taken over would too. What
// the kernel drops here, it counts (tc -s filter show dev TAP ingress), not we.

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "base/address.h"
#include "launcher/launch_order.h"

namespace summon::launcher {

struct SendRules {
  SpoofCheck check = SpoofCheck::kAddress;  // not kOff
  MacAddress mac;
  Ipv4Address address;  // kAddress
};

inline constexpr std::size_t kSendFilterMax = 64;  // bounds the request that sets it

std::vector<sock_filter> BuildSendFilter(const SendRules& rules);

}  // namespace summon::launcher
