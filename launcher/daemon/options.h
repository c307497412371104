// SPDX-License-Identifier: Apache-2.0
#pragma once
// The command line of summon-launcherd.

#include <string>
#include <variant>
#include <vector>

#include "base/log.h"

namespace summon::launcher {

struct DaemonOptions {
  std::string socket = "/run/summon/launcherd.sock";
  std::string monitor_dir;  // empty: our own directory
  std::string kvm = "/dev/kvm";
  std::string guest_mode;
  std::vector<unsigned> allowed_uids;  // our own and root, when none is given
  std::size_t pool = 2;
  std::string state_dir = "/var/lib/summon";  // empty: nothing is saved
  LogLevel log_level = LogLevel::kInfo;
};

// The options, or the exit status when there is nothing more to do (--help, --version, or a
// mistake, which was told).
std::variant<DaemonOptions, int> ParseDaemonOptions(int argc, char** argv);

}  // namespace summon::launcher
