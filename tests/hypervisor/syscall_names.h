// SPDX-License-Identifier: Apache-2.0
#pragma once
// Allow-lists as text, for the tests that print them.

#include <string>

#include "hypervisor/sandbox/seccomp.h"

namespace summon::hypervisor {

// "ioctl"; or the number, for a call that no list has.
std::string SyscallName(long number);

// "ioctl KVM_RUN", "fcntl(1=3)": the call with what its descriptor-like arguments must be.
std::string RuleText(const SyscallRule& rule);

}  // namespace summon::hypervisor
