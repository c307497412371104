// SPDX-License-Identifier: Apache-2.0
// Makes the namespaces in a thread of its own: namespaces and the root directory belong to a
// thread, and a fork of the daemon would copy it.
#include "launcher/monitor/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "base/strings.h"

namespace summon::launcher {

namespace {

// In the order in which they are entered; the names of proc(5), /proc/pid/ns.
constexpr const char* kNames[hypervisor::kNamespaces] = {"net", "ipc", "uts", "cgroup", "mnt"};

// A folder that every Linux has, over which the new root is mounted for a moment.
constexpr const char* kStand = "/proc";

// The root of the calling thread's own mount namespace becomes an empty file system that cannot
// be written or searched; all else is unmounted.
Status EmptyTheRoot() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoError("make mounts private", errno);
  }
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("none", kStand, "tmpfs", kFlags, "size=4k,nr_inodes=1,mode=0") != 0) {
    return ErrnoError("mount an empty root", errno);
  }
  // The old root comes to lie over the new one, and goes (pivot_root(2), NOTES).
  if (chdir(kStand) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) {
    return ErrnoError("enter the empty root", errno);
  }
  if (umount2(".", MNT_DETACH) != 0) return ErrnoError("leave the old root", errno);
  return Ok();
}

Status Make(std::array<UniqueFd, hypervisor::kNamespaces>& fds) {
  if (unshare(CLONE_FS | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
              CLONE_NEWCGROUP) != 0) {
    return ErrnoError("make namespaces", errno);
  }
  for (std::size_t i = 0; i < fds.size(); ++i) {
    const std::string path = StrCat("/proc/thread-self/ns/", kNames[i]);
    fds[i] = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fds[i].valid()) return ErrnoError(StrCat("open ", path), errno);
  }
  return EmptyTheRoot();
}

}  // namespace

Result<EmptyNamespaces> EmptyNamespaces::Create() {
  EmptyNamespaces made;
  Status status = Ok();
  std::thread maker([&made, &status] { status = Make(made.fds_); });
  maker.join();
  if (!status.ok()) return status.error();
  return made;
}

std::array<int, hypervisor::kNamespaces> EmptyNamespaces::fds() const {
  std::array<int, hypervisor::kNamespaces> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = fds_[i].get();
  return numbers;
}

}  // namespace summon::launcher
