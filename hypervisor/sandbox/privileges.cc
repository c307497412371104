// SPDX-License-Identifier: Apache-2.0
// Namespaces, identity, capabilities, Landlock.
#include "hypervisor/sandbox/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <iterator>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

namespace {

// SECBIT_NO_CAP_AMBIENT_RAISE and its lock are Linux 4.3; all bits but KEEP_CAPS, and all locks.
constexpr unsigned long kSecurebits =
    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

// More capabilities than any kernel has; prctl(2) says EINVAL after the last.
constexpr unsigned long kCapabilitiesMax = 64;

bool HasCapability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  return (sets[capability / 32].effective & (1u << capability % 32)) != 0;
}

// What only CAP_SETPCAP may do: the bounding set, and the locks that keep user id 0 from meaning
// anything. Without it there is nothing in these sets that could become effective either, since
// no_new_privs forbids every way to it.
Status LockCapabilities() {
  if (!HasCapability(CAP_SETPCAP)) return Ok();
  for (unsigned long capability = 0; capability < kCapabilitiesMax; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // the one before was the last
    return ErrnoError("drop a capability from the bounding set", errno);
  }
  if (prctl(PR_SET_SECUREBITS, kSecurebits, 0, 0, 0) != 0) {
    return ErrnoError("lock the securebits", errno);
  }
  return Ok();
}

Status BecomeUser(std::uint32_t uid) {
  if (setgroups(0, nullptr) != 0) return ErrnoError("drop supplementary groups", errno);
  if (setresgid(uid, uid, uid) != 0) return ErrnoError(StrCat("become group ", uid), errno);
  if (setresuid(uid, uid, uid) != 0) return ErrnoError(StrCat("become user ", uid), errno);
  return Ok();
}

Status DropCapabilities() {
  // EINVAL: a kernel before 4.3, which has no ambient set.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return ErrnoError("clear the ambient capabilities", errno);
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, none) != 0) return ErrnoError("drop capabilities", errno);
  return Ok();
}

// Landlock by number: the C library and kernel headers of Debian 12 know less than newer kernels.
// Documentation/userspace-api/landlock.rst; include/uapi/linux/landlock.h of Linux 6.12.
constexpr long kLandlockCreateRuleset = 444;
constexpr long kLandlockRestrictSelf = 446;
constexpr unsigned kLandlockVersion = 1;  // the flag that asks for it

struct LandlockRuleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // since version 4
  std::uint64_t scoped;              // since version 6
};
// How many of the low access bits each version knows, from version 1 on.
constexpr std::uint64_t LowBits(unsigned count) { return (std::uint64_t{1} << count) - 1; }
constexpr std::uint64_t kLandlockFiles[] = {LowBits(13), LowBits(14), LowBits(15), LowBits(15),
                                            LowBits(16)};
constexpr std::uint64_t kLandlockNet = LowBits(2);    // bind and connect by TCP
constexpr std::uint64_t kLandlockScopes = LowBits(2);  // abstract sockets, signals
constexpr long kLandlockHasNet = 4;
constexpr long kLandlockHasScopes = 6;

// Handles everything and allows nothing. A kernel without Landlock has fewer walls, not none: the
// namespaces and the filters do not depend on it. Whoever starts monitors says so.
Status DenyByLandlock() {
  const long version = syscall(kLandlockCreateRuleset, nullptr, 0, kLandlockVersion);
  if (version < 1) return Ok();  // ENOSYS: not built in; EOPNOTSUPP: not switched on
  const long known = static_cast<long>(std::size(kLandlockFiles));
  LandlockRuleset rules{};
  rules.handled_access_fs = kLandlockFiles[(version < known ? version : known) - 1];
  std::size_t size = sizeof rules.handled_access_fs;
  if (version >= kLandlockHasNet) {
    rules.handled_access_net = kLandlockNet;
    size += sizeof rules.handled_access_net;
  }
  if (version >= kLandlockHasScopes) {
    rules.scoped = kLandlockScopes;
    size += sizeof rules.scoped;
  }
  const UniqueFd ruleset(static_cast<int>(syscall(kLandlockCreateRuleset, &rules, size, 0)));
  if (!ruleset.valid()) return ErrnoError("make a Landlock ruleset", errno);
  if (syscall(kLandlockRestrictSelf, ruleset.get(), 0) != 0) {
    return ErrnoError("enter the Landlock ruleset", errno);
  }
  return Ok();
}

}  // namespace

Status EnterNamespaces(int first_fd) {
  for (int fd = first_fd; fd < first_fd + kNamespaces; ++fd) {
    if (setns(fd, 0) != 0) return ErrnoError(StrCat("enter the namespace on ", fd), errno);
  }
  return Ok();
}

Status DropPrivileges(std::optional<std::uint32_t> uid) {
  SUMMON_TRY(LockCapabilities());
  if (uid && geteuid() == 0) SUMMON_TRY(BecomeUser(*uid));
  SUMMON_TRY(DropCapabilities());
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError("set no_new_privs", errno);
  SUMMON_TRY(DenyByLandlock());
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return ErrnoError("set not dumpable", errno);
  return Ok();
}

}  // namespace summon::hypervisor
