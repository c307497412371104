// SPDX-License-Identifier: Apache-2.0
#pragma once
// The boot area: what a guest finds in low memory when it starts (boot information, manifest,
// command line), written by the side that boots it.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/abi/solo5.h"

namespace summon::hypervisor {

// A stretch of guest memory as a guest or an image names it: unchecked.
struct GuestStretch {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

// A stretch of guest memory that this process can write: `bytes[0]` is guest address `first`.
struct GuestWindow {
  std::uint64_t first = 0;
  std::span<std::uint8_t> bytes;

  // The bytes of `wanted`, or an empty span when they do not lie inside the window.
  std::span<std::uint8_t> At(GuestStretch wanted) const {
    const auto [address, size] = wanted;
    if (address < first || address - first > bytes.size()) return {};
    if (size > bytes.size() - (address - first)) return {};
    return bytes.subspan(address - first, size);
  }
};

struct BootArea {
  Target target = Target::kHvt;
  std::uint64_t memory_bytes = 0;
  std::uint64_t kernel_end = 0;
  std::uint64_t cpu_cycle_hz = 0;  // hvt
  std::int32_t epoll_fd = -1;      // spt
  std::int32_t timer_fd = -1;      // spt
  std::string_view command_line;   // at most kCommandLineSize - 1 bytes, no NUL
};

// Writes boot information, then `manifest`, then the command line, all below kImageFloor, and
// gives the guest address of the boot information: kBootInfoHvt or kBootInfoSpt.
//
// Errors: kInvalid when the command line is too long or holds a NUL, when the target is neither
// hvt nor spt, or when the window does not hold the area.
Result<std::uint64_t> WriteBootArea(const BootArea& area, const Manifest& manifest,
                                    GuestWindow memory);

}  // namespace summon::hypervisor
