// SPDX-License-Identifier: Apache-2.0
// A process guest makes system calls, not hypercalls: its filter is tested elsewhere.
#include "guests/intruder/acts.h"

namespace summon::guest::intruder {

int Fuzz(Machine&, const FuzzPlan&) { return kExitUsage; }

}  // namespace summon::guest::intruder
