// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starting a monitor process: exec without a copy of our memory, nothing inherited but what the
// monitor is to have.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::launcher {

// Where the monitor finds /dev/kvm when it was given at exec (--kvm-fd=).
inline constexpr int kMonitorKvmFd = 4;
// And where the first of the namespaces to enter (--namespaces=).
inline constexpr int kMonitorNamespacesFd = 5;

struct SpawnSpec {
  std::string program;                 // a path
  std::vector<std::string> arguments;  // without the program's name
  int kvm_fd = -1;                     // borrowed; passed as kMonitorKvmFd when not negative
  std::vector<int> namespaces;         // borrowed; none, or kNamespaces, from kMonitorNamespacesFd
};

struct Spawned {
  int pid = -1;
  UniqueFd pidfd;
  UniqueFd control;      // our end of the control socket, non-blocking
  UniqueFd diagnostics;  // what it prints on standard error, non-blocking, one page at most
};

// The child has an empty environment, default signals, its own process group (a Ctrl-C at our
// terminal is ours alone), /dev/null as standard input and output, and no other descriptor of
// ours. It is our child: whoever holds the result reaps it.
// Errors: kNotFound (no such program), kPermission, kExhausted (processes, memory, descriptors).
Result<Spawned> SpawnMonitor(const SpawnSpec& spec);

}  // namespace summon::launcher
