// SPDX-License-Identifier: Apache-2.0
#pragma once
// LaunchOrder: all that a launcher needs to make instances of one service.
//
// Files come as open descriptors, never as paths: whoever asks must have been allowed to open
// them, and the launcher (which has more rights) opens nothing on anybody's word.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/unique_fd.h"

namespace summon::launcher {

// A way to make instances.
enum class Kind : std::uint8_t { kKvm, kProcess };
inline constexpr std::size_t kKinds = 2;

inline std::string_view KindName(Kind kind) { return kind == Kind::kKvm ? "kvm" : "process"; }

struct ImageFile {
  Kind kind = Kind::kKvm;  // whom the image was built for: hvt (kKvm) or spt (kProcess)
  UniqueFd file;           // readable
  std::string path;        // for messages only
};

// In whose name a guest may send.
enum class SpoofCheck : std::uint8_t {
  kAddress,  // only its own MAC and the service's IPv4 address; IPv4 and ARP only
  kMac,      // only its own MAC
  kOff,      // anybody's
};

struct NetOrder {
  std::string name;               // as in the image's manifest
  std::optional<MacAddress> mac;  // else derived from the service's name, the same for ever
  SpoofCheck spoof_check = SpoofCheck::kAddress;
};

struct BlockOrder {
  std::string name;  // as in the image's manifest
  UniqueFd file;     // readable, and writable unless read_only
  std::string path;  // for messages only
  std::uint32_t sector_size = 512;
  bool read_only = false;
};

struct LaunchOrder {
  std::string service;            // the service's name; what adoption after a restart goes by
  std::vector<ImageFile> images;  // in order of preference; the first usable kind is used
  std::string command_line;
  std::uint32_t memory_mib = 16;
  Ipv4Address address;            // the guest's; on its first net device
  Ipv4Address gateway;            // the host's own address on the tap
  std::string tap_name;           // at most 15 characters (IFNAMSIZ)
  std::vector<NetOrder> nets;     // at most one for now
  std::vector<BlockOrder> blocks;
  // Instances may be asked to rest at kParked or kSaved (snapshots need a descriptor and a few
  // system calls more in the monitor's sandbox, so they must be known when it starts).
  bool snapshots = false;
};

}  // namespace summon::launcher
