// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a monitor process gives up, apart from system calls: its identity, its privileges, its
// descriptors and its resources.

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"

namespace summon::hypervisor {

// Becomes user and group `uid` when that is given and the process is root; then gives up every
// capability, the hope of new privileges, and being readable by debuggers (no core dump either).
Status DropPrivileges(std::optional<std::uint32_t> uid);

// Closes every descriptor but those in `keep` (ascending, at most kKeepMax).
inline constexpr std::size_t kKeepMax = 72;  // a process guest: 63 devices and a few of ours
Status CloseAllBut(std::span<const int> keep);

// Before the job: no core dump, no locked memory, no message queues; descriptors for the job.
Status LimitResources();

// Once all is set up: no descriptor from `first_free_fd` on, no further process or thread.
Status LimitToWhatIsThere(int first_free_fd);

// Kills the process when the one that started it ends, even while it is stopped (a paused guest
// hears nothing else). After DropPrivileges(): a change of user takes it back.
Status EndWithParent();

}  // namespace summon::hypervisor
