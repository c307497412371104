// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many descriptors this process may have.

#include <cstdint>

namespace summon {

// As many as its user may (RLIMIT_NOFILE): the usual soft limit of 1024 is for programs that use
// select(2). Where that is not to be had nothing changes, and what needs a descriptor says so.
void RaiseDescriptorLimit();

// How many it may have now.
std::uint64_t DescriptorLimit();

}  // namespace summon
