// SPDX-License-Identifier: Apache-2.0
// Lays out the boot area; see the header.
#include "hypervisor/abi/boot_area.h"

#include <cstring>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

// Room for the boot information of either target. A guest of Solo5 0.11 or newer reads 56 bytes
// whatever the booting side knew: the fields it finds there must be zero, not the manifest.
constexpr std::uint64_t kBootInfoRoom = 64;
static_assert(sizeof(HvtBootInfo) <= kBootInfoRoom && sizeof(SptBootInfo) <= kBootInfoRoom);
static_assert(kBootInfoSpt + kBootInfoRoom + sizeof(Manifest) + kCommandLineSize <= kImageFloor);

Error Invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

}  // namespace

Result<std::uint64_t> WriteBootArea(const BootArea& area, const Manifest& manifest,
                                    GuestWindow memory) {
  if (area.target != Target::kHvt && area.target != Target::kSpt) {
    return Invalid(
        StrCat("boot area for target ", TargetName(area.target), "; must be hvt or spt"));
  }
  if (area.command_line.size() >= kCommandLineSize) {
    return Invalid(StrCat("the command line is ", area.command_line.size(),
                          " bytes long; at most ", kCommandLineSize - 1));
  }
  if (area.command_line.find('\0') != std::string_view::npos) {
    return Invalid("the command line holds a NUL byte");
  }
  const std::uint64_t start = area.target == Target::kHvt ? kBootInfoHvt : kBootInfoSpt;
  const Bytes payload = manifest.payload();
  const std::uint64_t manifest_at = start + kBootInfoRoom;
  const std::uint64_t command_line_at = manifest_at + payload.size();
  const std::span<std::uint8_t> space =
      memory.At({start, kBootInfoRoom + payload.size() + area.command_line.size() + 1});
  if (space.empty()) return Invalid(StrCat("no memory at ", Hex(start), " for the boot area"));

  std::memset(space.data(), 0, kBootInfoRoom);
  if (area.target == Target::kHvt) {
    HvtBootInfo info = {};
    info.memory_bytes = area.memory_bytes;
    info.kernel_end = area.kernel_end;
    info.cpu_cycle_hz = area.cpu_cycle_hz;
    info.command_line = command_line_at;
    info.manifest = manifest_at;
    std::memcpy(space.data(), &info, sizeof info);
  } else {
    const SptBootInfo info = {area.memory_bytes, area.kernel_end, command_line_at,
                              manifest_at,       area.epoll_fd,   area.timer_fd};
    std::memcpy(space.data(), &info, sizeof info);
  }
  std::memcpy(space.data() + kBootInfoRoom, payload.data(), payload.size());
  std::uint8_t* const text = space.data() + kBootInfoRoom + payload.size();
  if (!area.command_line.empty()) {
    std::memcpy(text, area.command_line.data(), area.command_line.size());
  }
  text[area.command_line.size()] = '\0';
  return start;
}

}  // namespace summon::hypervisor
