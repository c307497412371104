// SPDX-License-Identifier: Apache-2.0
#pragma once
// One unikernel in the foreground: what `summon run` does. No daemon, no tap of ours, no root
// needed beyond what the devices themselves ask for.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "launcher/launch_order.h"

namespace summon::launcher {

struct ForegroundNet {
  std::string name;               // as in the image's manifest
  std::string tap;                // an interface's name, or "@FD": an open tap descriptor
  std::optional<MacAddress> mac;  // else random, locally administered
  SpoofCheck spoof_check = SpoofCheck::kMac;
  Ipv4Address address{};          // the guest's own, with SpoofCheck::kAddress
};

struct ForegroundBlock {
  std::string name;  // as in the image's manifest
  std::string file;  // a path, or "@FD": an open descriptor
  std::uint32_t sector_size = 512;
};

struct ForegroundOptions {
  std::string image;
  std::optional<Kind> kind;  // none: whichever the image was built for
  std::uint32_t memory_mib = 512;
  std::vector<ForegroundNet> nets;
  std::vector<ForegroundBlock> blocks;
  std::vector<std::string> arguments;  // joined by single spaces: the guest's command line
  std::string monitor_dir;             // empty: the directory of our own executable
  std::string kvm_path = "/dev/kvm";
  std::string guest_mode;              // empty: the monitor chooses
  std::string core_directory;          // where an aborting guest leaves a core; empty: nowhere
};

// Runs the image until it ends, with its console on our standard output, and returns the exit
// status for our own process: the guest's; after a fault of the guest, told on standard error, 1,
// or for a process guest 128 + the signal that ended it (139 for SIGSEGV, as Solo5's spt tender);
// 128 + the signal's number when SIGINT or SIGTERM ended it. Blocks. An error is something that
// failed before the guest ran.
Result<int> RunForeground(const ForegroundOptions& options);

}  // namespace summon::launcher
