// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which frames wake a sleeping service, as a classic BPF program for its tap.
//
// Only IPv4 unicast to the guest's own MAC and address that asks for something: TCP that opens a
// connection or carries data, UDP, and ICMP echo requests. Resets, ends and bare acknowledgements
// are what is left of connections that have gone. Everything else is dropped before it reaches
// the queue, so noise neither wakes anybody nor fills the queue. A fragment other than the first
// carries no header that could be judged: it passes for UDP and is dropped for the rest.

#include <linux/filter.h>

#include <array>

#include "base/address.h"

namespace summon::launcher {

inline constexpr std::size_t kWakeFilterSize = 34;
using WakeFilter = std::array<sock_filter, kWakeFilterSize>;

WakeFilter BuildWakeFilter(const MacAddress& mac, const Ipv4Address& address);

}  // namespace summon::launcher
