// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the process launcher learns where a guest is on its way to its first answer.
//
// An spt guest makes system calls itself; after the jump none of our code runs. Until the last
// stage has been reported we therefore let the kernel hand every system call of the guest to a
// signal handler of ours (Syscall User Dispatch, Linux 5.11: prctl(2),
// Documentation/admin-guide/syscall-user-dispatch.rst). The handler makes the same call from the
// one range of code that is exempt, looks at what it was, and reports: the first epoll_pwait is
// kReady, the first frame read kFirstPacketIn, the first frame written that carries an answer
// kFirstByteOut. Then it flips the selector byte and the guest's calls go straight to the kernel
// for good (the kernel still reads the byte at each call; that is all that remains).
//
// It is a measurement, not a wall: a hostile guest can flip the byte or send frames of its own.
// The wall is the seccomp filter, which judges the handler's calls like the guest's own.

#include <cstdint>

#include "base/result.h"
#include "hypervisor/control/protocol.h"
#include "hypervisor/sandbox/seccomp.h"

namespace summon::hypervisor {

// Descriptors that the watch tells apart must be below this. A job brings at most 66.
inline constexpr int kWatchedFdMax = 128;

// What the watch tells apart.
struct WatchPlan {
  int control_fd = kControlFd;
  bool net_fds[kWatchedFdMax] = {};
  bool has_net = false;  // without a net device kReady is the last stage
};

// How far the watch reaches on this kernel.
enum class WatchReach {
  kAllStages,
  kNothing,  // the kernel has no Syscall User Dispatch: report kReady before the jump, and no more
};

// Sends a stage on `control_fd`, stamped now. Never blocks; a report that cannot be sent is lost.
void ReportStage(int control_fd, Stage stage);

// Arms the watch for the calling thread: from here on system calls still go through, until
// EnterGuest. One watch in a process (signal handlers have no other way to find their state).
//
// Errors: a system call that failed, other than for a kernel that lacks the feature.
Result<WatchReach> ArmStageWatch(const WatchPlan& plan);

struct GuestStart {
  std::uint64_t entry = 0;
  std::uint64_t memory_bytes = 0;  // the stack begins at its end
  std::uint64_t boot_info = 0;
};

// Installs `filter`, clears the thread pointer and the registers and jumps into the guest, watched
// if the watch is armed. Nothing of ours runs afterwards but the watch's handler: not even a
// destructor, which might make a system call that only we need.
//
// Returns only when the kernel refuses the filter. The process must have set no_new_privs.
Error EnterGuest(const GuestStart& start, const FilterProgram& filter);

}  // namespace summon::hypervisor
