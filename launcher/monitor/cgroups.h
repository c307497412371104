// SPDX-License-Identifier: Apache-2.0
#pragma once
// Control groups (version 2) for monitors: one leaf each, so that a monitor's memory, processes and
// share of the CPU have bounds that the kernel keeps, whatever the monitor does.

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace summon::launcher {

// One monitor's group. Removed with this object, which must outlive the process.
class CgroupLeaf final {
 public:
  explicit CgroupLeaf(std::string path) : path_(std::move(path)) {}
  ~CgroupLeaf();
  CgroupLeaf(const CgroupLeaf&) = delete;
  CgroupLeaf& operator=(const CgroupLeaf&) = delete;

  // Bounds the memory of a monitor whose guest has `guest_bytes`: that, a sixteenth of it for the
  // kernel's tables, and kMonitorBytes for the monitor. Best effort: not every host has it.
  void LimitMemory(std::uint64_t guest_bytes) const;
  static constexpr std::uint64_t kMonitorBytes = 64ull << 20;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

class CgroupTree final {
 public:
  // KVM's helper threads and the monitor itself.
  static constexpr unsigned kProcessesMax = 8;
  // A monitor yields to the daemons (whose groups have the kernel's 100) when the CPU is short.
  static constexpr unsigned kCpuWeight = 50;

  // The tree below the group that this process is in, if that is ours to use: delegated by
  // systemd (Delegate=yes), or the topmost that we see, as in a container.
  // Errors: kUnavailable, saying what this host lacks.
  static Result<CgroupTree> Create();

  struct Place {
    std::string folder;                             // our own group
    std::string controllers = "memory pids cpu";    // as many of them as it has
  };
  // Below `place`: moves this process into a leaf of its own, since only leaves may hold processes
  // (cgroup-v2.rst, "No Internal Process Constraint"), and hands the controllers down.
  static Result<CgroupTree> CreateIn(const Place& place);

  // A new group with the process `pid` in it. Errors: the system's.
  Result<std::unique_ptr<CgroupLeaf>> Put(int pid) const;

 private:
  explicit CgroupTree(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
};

// Writes `text` into a file of a control group.
Status WriteGroupFile(const std::string& path, const std::string& text);

// Where the unified hierarchy is mounted, from the text of /proc/self/mountinfo; and the group in
// it that the text of /proc/self/cgroup names. Empty when there is none. For tests.
std::string CgroupMountIn(const std::string& mountinfo);
std::string OwnCgroupIn(const std::string& cgroup);

}  // namespace summon::launcher
