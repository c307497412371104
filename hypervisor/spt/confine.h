// SPDX-License-Identifier: Apache-2.0
#pragma once
// What summon-spt gives up before it runs a guest, apart from the system calls themselves.

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"

namespace summon::hypervisor {

// Drops what the process will never need again: user and group (to `uid`, when given and root),
// capabilities, the right to gain any, core dumps, new descriptors and processes. Also puts
// signals into a known state. Called once, before the job comes.
Status GiveUpPrivileges(std::optional<std::uint32_t> uid);

// Overwrites the environment. The guest can read all of this process's memory, and what the
// starter was told is none of its business.
void ForgetEnvironment();

// Makes `fd` block, whatever the starter's end does.
Status MakeBlocking(int fd);

// Closes every descriptor that is not in `kept`.
Status CloseOthers(std::span<const int> kept);

// Makes the kernel end this process (SIGKILL) as soon as the other end of `control_fd` is gone or
// sends anything: nobody could reclaim the instance any more. No code of ours runs beside the
// guest, and the guest can neither catch, block nor undo it.
//
// Errors: kUnavailable when the other end is gone already.
Status KillWithPeer(int control_fd);

}  // namespace summon::hypervisor
