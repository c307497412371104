// SPDX-License-Identifier: Apache-2.0
// Giving up privileges, descriptors and resources.
#include "hypervisor/sandbox/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>

#include "base/strings.h"

namespace summon::hypervisor {

namespace {

// What a job can bring (a console, an image, KVM, 63 devices), twice over while they are moved to
// their places.
constexpr rlim_t kDescriptorsMax = 256;

Status Limit(int resource, rlim_t most, std::string_view name) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return ErrnoError(StrCat("read limit ", name), errno);
  }
  limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;  // never raised
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return ErrnoError(StrCat("set limit ", name), errno);
  }
  return Ok();
}

Status BecomeUser(std::uint32_t uid) {
  if (setgroups(0, nullptr) != 0) return ErrnoError("drop supplementary groups", errno);
  if (setresgid(uid, uid, uid) != 0) return ErrnoError(StrCat("become group ", uid), errno);
  if (setresuid(uid, uid, uid) != 0) return ErrnoError(StrCat("become user ", uid), errno);
  return Ok();
}

}  // namespace

Status DropPrivileges(std::optional<std::uint32_t> uid) {
  if (uid && geteuid() == 0) {
    if (Status became = BecomeUser(*uid); !became.ok()) return became;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) return ErrnoError("drop capabilities", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError("set no_new_privs", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoError("set not dumpable", errno);
  return Ok();
}

Status CloseAllBut(std::span<const int> keep) {
  SUMMON_CHECK(keep.size() <= kKeepMax);
  unsigned next = 0;
  for (const int fd : keep) {
    const auto kept = static_cast<unsigned>(fd);
    if (kept > next && close_range(next, kept - 1, 0) != 0) {
      return ErrnoError("close descriptors", errno);
    }
    next = kept + 1;
  }
  if (close_range(next, std::numeric_limits<unsigned>::max(), 0) != 0) {
    return ErrnoError("close descriptors", errno);
  }
  return Ok();
}

Status LimitResources() {
  struct {
    int resource;
    rlim_t most;
    std::string_view name;
  } const limits[] = {
      {RLIMIT_CORE, 0, "CORE"},
      {RLIMIT_MEMLOCK, 0, "MEMLOCK"},
      {RLIMIT_MSGQUEUE, 0, "MSGQUEUE"},
      {RLIMIT_NOFILE, kDescriptorsMax, "NOFILE"},
      // Not FSIZE: it would count writes to the guest's own block files and to a console file.
      // Not AS: once the guest runs, the system call filter permits no new mapping at all.
  };
  for (const auto& limit : limits) {
    if (Status set = Limit(limit.resource, limit.most, limit.name); !set.ok()) return set;
  }
  return Ok();
}

Status LimitToWhatIsThere(int first_free_fd) {
  if (Status set = Limit(RLIMIT_NOFILE, static_cast<rlim_t>(first_free_fd), "NOFILE"); !set.ok()) {
    return set;
  }
  // The machine has run once, so KVM's helper thread exists: none is needed from here on.
  return Limit(RLIMIT_NPROC, 0, "NPROC");
}

Status EndWithParent() {
  const pid_t parent = getppid();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    return ErrnoError("ask for a signal when the launcher goes", errno);
  }
  // It may have gone before: then the control socket's end says so.
  if (getppid() != parent) _exit(1);
  return Ok();
}

}  // namespace summon::hypervisor
