// SPDX-License-Identifier: Apache-2.0
#pragma once
// The monitor's own code, in the page tables before it is needed.

namespace summon::hypervisor {

// Maps the program's text and constants, which a job would otherwise fault in piece by piece.
// Shared pages: costs page tables only. Best effort.
void PrefaultProgram();

}  // namespace summon::hypervisor
