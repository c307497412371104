// SPDX-License-Identifier: Apache-2.0
#pragma once
// A signal that stops a virtual CPU, so that orders are heard while a guest computes.
//
// The kernel sends SIGIO whenever something comes over the control socket, or its other end
// closes (O_ASYNC, fcntl(2)). The handler sets the machine's interrupt flag: the present or next
// Run() ends at once, whatever the guest does, and the loop around it looks at the socket. No
// thread, no timer, and no wake-up while nothing is said.

#include "base/result.h"
#include "hypervisor/kvm/machine.h"

namespace summon::hypervisor {

// From now on whatever comes over `socket`, whose signals are this process's (OwnSignalsOf),
// interrupts `machine`, which must outlive the process's use of signals; what came before is in
// the socket, for the caller to look. One machine a process.
Status KickByMessages(int socket, Machine& machine);

// After an interrupted Run(): further ones run again. What came before this call is in the socket.
void ClearKick();

}  // namespace summon::hypervisor
