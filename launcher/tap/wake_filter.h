// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which frames wake a sleeping service, as a classic BPF program for its tap.
//
// Only IPv4 unicast to the guest's own MAC and address that asks for something: TCP other than a
// reset or an end, UDP, and ICMP echo requests. Everything else is dropped before it reaches the
// queue, so broadcast noise neither wakes anybody nor fills the queue. A fragment other than the
// first carries no header that could be judged: it passes for UDP and is dropped for the rest.

#include <linux/filter.h>

#include <array>

#include "base/address.h"

namespace summon::launcher {

inline constexpr std::size_t kWakeFilterSize = 26;
using WakeFilter = std::array<sock_filter, kWakeFilterSize>;

WakeFilter BuildWakeFilter(const MacAddress& mac, const Ipv4Address& address);

}  // namespace summon::launcher
