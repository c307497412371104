// SPDX-License-Identifier: Apache-2.0
// By setresuid(2); see credentials(7) and capabilities(7), "Effect of user ID changes".
#include "summoner/daemon/user.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>

#include "base/strings.h"

namespace summon::summoner {

namespace {

// What the database needs for one entry; glibc suggests 1 KiB.
constexpr std::size_t kEntryBytesMax = 16 * 1024;

std::string Shown(const User& user) {
  return user.name.empty() ? StrCat("user ", user.uid) : StrCat("user ", Quote(user.name));
}

Status DropGroups(const User& user) {
  // A user without an entry has the one group only.
  const int changed = user.name.empty() ? setgroups(0, nullptr)
                                        : initgroups(user.name.c_str(), user.gid);
  if (changed != 0) return ErrnoError("set supplementary groups", errno);
  return Ok();
}

// glibc applies the calls to all threads, and the kernel clears every capability with the change
// from root to another user.
Status Change(const User& user) {
  SUMMON_TRY(DropGroups(user));
  if (setresgid(user.gid, user.gid, user.gid) != 0) {
    return ErrnoError(StrCat("change to group ", user.gid), errno);
  }
  if (setresuid(user.uid, user.uid, user.uid) != 0) {
    return ErrnoError(StrCat("change to user id ", user.uid), errno);
  }
  return Ok();
}

Result<bool> HoldsCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return ErrnoError("read capabilities", errno);
  for (const __user_cap_data_struct& set : sets) {
    if (set.permitted != 0 || set.effective != 0) return true;
  }
  return false;
}

// A user who is not root may lay capabilities down; a securebit may have kept them, too.
Status DropCapabilities() {
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);  // none on kernels before 4.3
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (syscall(SYS_capset, &header, none.data()) != 0) return ErrnoError("drop capabilities", errno);
  return Ok();
}

}  // namespace

Result<User> FindUser(const std::string& text) {
  const auto number = ParseUnsigned(text);
  // The last number means "no change" to the system calls.
  if (number && *number >= std::numeric_limits<uid_t>::max()) {
    return Error(ErrorCode::kInvalid,
                 StrCat("user id is ", text, "; must be below ",
                        std::numeric_limits<uid_t>::max()));
  }
  std::array<char, kEntryBytesMax> space;
  passwd entry{};
  passwd* found = nullptr;
  const int failed =
      number ? getpwuid_r(static_cast<uid_t>(*number), &entry, space.data(), space.size(), &found)
             : getpwnam_r(text.c_str(), &entry, space.data(), space.size(), &found);
  if (found != nullptr) {
    return User{.uid = found->pw_uid, .gid = found->pw_gid, .name = found->pw_name};
  }
  if (number) {
    const auto id = static_cast<unsigned>(*number);
    return User{.uid = id, .gid = id, .name = {}};
  }
  const std::string cause = failed == 0 ? std::string("no user has this name")
                                        : ErrnoError("read the user database", failed).message();
  return Error(ErrorCode::kNotFound,
               StrCat("find user ", Quote(text), ": ", cause,
                      " (make it with: adduser --system ", text, "; or give a number)"));
}

Status BecomeUser(const User& user) {
  if (user.uid != geteuid() || user.uid != getuid()) {
    const Status changed = Change(user);
    if (!changed.ok() && changed.error().code() == ErrorCode::kPermission) {
      return Error(ErrorCode::kPermission,
                   StrCat("become ", Shown(user), ": ", changed.error().message(),
                          " (only root may change its user: start as root, or as this user and "
                          "without --user)"));
    }
    SUMMON_TRY(Status(changed).Wrap(StrCat("become ", Shown(user))));
  }
  if (user.uid == 0) return Ok();  // who wants to stay root does
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoError("set no_new_privs", errno);
  }
  SUMMON_TRY(DropCapabilities());
  if (SUMMON_TRY(HoldsCapabilities())) {
    return Error(ErrorCode::kPermission,
                 StrCat("become ", Shown(user), ": capabilities are left after the change"));
  }
  return Ok();
}

}  // namespace summon::summoner
