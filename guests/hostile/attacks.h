// SPDX-License-Identifier: Apache-2.0
#pragma once
// Misbehaviour that looks different on each target: hypercalls on hvt, system calls on spt.
//
// Each returns 1 when the tender let it pass.

#include <string_view>

#include "guests/runtime/runtime.h"

namespace summon::guest::attacks {

// An argument structure outside of memory (spt: a pointer outside of memory).
int BadPointer(Machine& machine, std::string_view argument);
// Data whose address and length together pass 2^64.
int WrappingPointer(Machine& machine, std::string_view argument);
// Data that begins in memory and ends past it.
int RangePastEnd(Machine& machine, std::string_view argument);
// A port that is no hypercall (spt: a system call outside the allow list).
int BadPort(Machine& machine, std::string_view argument);
// Calls with random contents, from the seed in `argument`; the same seed does the same again.
// Returns 0 when it was not ended before its count of calls was done.
int Random(Machine& machine, std::string_view argument);

}  // namespace summon::guest::attacks
