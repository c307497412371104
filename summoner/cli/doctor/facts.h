// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `summon doctor` knows of this host, as read; judging it is another file's affair (judge.h).

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace summon::cli {

// A device node and what came of opening it.
struct DeviceFacts {
  enum class State { kUsable, kMissing, kWrongNode, kFailed };
  State state = State::kMissing;
  int open_errno = 0;  // kFailed
};

// What the monitor's probe said of KVM.
struct ProbeFacts {
  std::string guest_mode;  // "ring0" or "ring3"
  double cycles_per_instruction = 0;
  std::uint64_t tsc_hz = 0;
  std::string error;  // not empty: why there is no probe
};

struct CgroupFacts {
  enum class Version { kNone, kOne, kTwo };
  Version version = Version::kNone;
  std::set<std::string> controllers;  // of version 2: what the root can hand down
};

struct MemoryFacts {
  std::uint64_t available_mib = 0;
  std::uint64_t swap_mib = 0;
  std::string huge_pages;   // transparent_hugepage/enabled, the chosen word; empty: not there
  bool same_page_merging = false;
};

struct LimitFacts {
  std::uint64_t descriptors = 0;  // hard limit
  std::uint64_t processes = 0;    // hard limit, for others than root
  std::uint64_t pid_max = 0;
};

struct KernelFacts {
  std::string release;          // as uname says
  bool seccomp_filters = false;
  int landlock_abi = 0;         // 0: none
  bool network_namespaces = false;
  std::string nx_huge_pages;    // kvm.nx_huge_pages; empty: no such parameter
  bool favor_dynmods = false;   // of the cgroup file system
};

struct CpuFacts {
  std::string clock_source;
  bool smt = false;
};

struct HostFacts {
  DeviceFacts kvm;
  std::optional<ProbeFacts> probe;  // when kvm is usable
  DeviceFacts tun;
  std::vector<std::string> missing_programs;
  KernelFacts kernel;
  CgroupFacts cgroup;
  MemoryFacts memory;
  CpuFacts cpu;
  LimitFacts limits;
  // Accounts and ranges of subordinate ids among those that monitors run under.
  std::vector<std::string> uid_owners;
  bool root = false;
};

// Where to look. Tests have a folder of their own.
struct FactSources {
  std::string root;         // put before each path of /proc, /sys, /etc and /dev
  std::string program_dir;  // of summon-monitor and summon-spt
};

HostFacts ReadFacts(const FactSources& sources);

// The monitor's probe line taken apart; `error` is set when it is none. Pure.
ProbeFacts ParseProbeLine(const std::string& line);

}  // namespace summon::cli
