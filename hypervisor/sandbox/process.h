// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a monitor process settles for itself besides its privileges: descriptors, resources,
// signals, and the tie to whoever started it. In the order in which it is called.

#include <cstdint>
#include <span>

#include "base/result.h"

namespace summon::hypervisor {

// Closes every descriptor but those in `keep` (ascending, at most kKeepMax).
inline constexpr std::size_t kKeepMax = 72;  // a process guest: 63 devices and a few of ours
Status CloseAllBut(std::span<const int> keep);

// Before the job: no core dump, no locked memory, no message queues, a small stack; descriptors
// for the job; and, for a process with a user id of its own, processes for KVM's helper threads.
enum class UserId { kShared, kOwn };
Status LimitResources(UserId user);

// Once all is set up: no descriptor from `first_free_fd` on, no further process or thread.
Status LimitToWhatIsThere(int first_free_fd);

// For a process whose guest runs in its own address space: whatever the starter blocked or
// ignored, faults end the process, and a console that nobody reads does not; memory that is
// readable is not executable by itself.
Status ResetProcess();

// Likewise: overwrites the environment. The guest can read all of this process's memory, and what
// the starter was told is none of its business.
void ForgetEnvironment();

// Makes `fd` block, whatever the starter's end does.
Status MakeBlocking(int fd);

// The kernel's signals about `socket` (O_ASYNC) will be for this process. Early, because the right
// to say so is the right to have signals sent to others.
Status OwnSignalsOf(int socket);

// Kills the process when the one that started it ends, even while it is stopped (a paused guest
// hears nothing else). After DropPrivileges(): a change of user takes it back.
Status EndWithParent();

// For a process whose guest makes system calls of its own: as soon as the other end of the control
// socket is closed or sends anything, the kernel ends the process by SIGKILL, which such a guest
// can neither catch, block nor undo. No code of ours runs beside the guest.
//
// In two steps, so that the second needs few rights: chooses the signal, early;
Status PrepareToEndWithPeer(int socket);
// and asks for it, when a message of the other end is no longer expected. Ends the process at once
// when the other end is closed already.
Status EndWithPeer(int socket);

}  // namespace summon::hypervisor
