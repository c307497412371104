// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which KVM requests a monitor makes when, for the filters of its sandbox. What a line here lacks
// ends the process that makes the request.

#include <cstdint>
#include <span>

namespace summon::hypervisor {

// While the guest runs. KVM_RUN is the first.
std::span<const std::uint64_t> IoctlsOfRing0Guest();
std::span<const std::uint64_t> IoctlsOfRing0GuestWithCore();
std::span<const std::uint64_t> IoctlsOfRing3Guest();
// And what Machine::SaveState() needs. One of KVM_GET_XSAVE and KVM_GET_XSAVE2 (since Linux 5.17).
std::span<const std::uint64_t> IoctlsOfSnapshot();

// From the first filter to the guest's first instruction, and what any guest needs afterwards:
// with the machine made before it (nothing that makes another), or after it.
std::span<const std::uint64_t> IoctlsWithMachine();
std::span<const std::uint64_t> IoctlsWithoutMachine();

// "KVM_RUN" for its number; for people. Empty for a request that is in none of the lists.
const char* IoctlName(std::uint64_t request);

}  // namespace summon::hypervisor
