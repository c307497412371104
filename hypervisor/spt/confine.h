// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a process whose guest runs in its own address space must settle beside what every monitor
// gives up (hypervisor/sandbox/process.h).

#include "base/result.h"

namespace summon::hypervisor {

// Whatever the starter blocked or ignored: faults end the process, and a console that nobody reads
// does not. Memory that is readable is not executable by itself.
Status ResetProcess();

// Overwrites the environment. The guest can read all of this process's memory, and what the
// starter was told is none of its business.
void ForgetEnvironment();

// Makes `fd` block, whatever the starter's end does.
Status MakeBlocking(int fd);

// Makes the kernel end this process (SIGKILL) as soon as the other end of `control_fd` is gone or
// sends anything: nobody could reclaim the instance any more. No code of ours runs beside the
// guest, and the guest can neither catch, block nor undo it. (EndWithPeer's SIGIO would not do: a
// guest could block it with a signal frame of its own making.)
//
// Errors: kUnavailable when the other end is gone already.
Status KillWithPeer(int control_fd);

}  // namespace summon::hypervisor
