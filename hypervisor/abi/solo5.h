// SPDX-License-Identifier: Apache-2.0
#pragma once
// The constants and the boot information of the Solo5 ABI, for the targets hvt and spt.
//
// What an image and whoever boots it must agree on. Figures are those of Solo5 0.6.0 to 0.12.1
// (include/hvt_abi.h, include/spt_abi.h, include/elf_abi.h); all integers are little-endian.
// Guest memory is identity mapped, so a guest address is an offset from guest address 0.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace summon::hypervisor {

static_assert(std::endian::native == std::endian::little, "guest structures are copied raw");

// What an image was built for (abi_target of its ABI note).
enum class Target : std::uint32_t {
  kHvt = 1,
  kSpt = 2,
  kVirtio = 3,
  kMuen = 4,
  kGenode = 5,
  kXen = 6,
};

// "hvt", "spt", ...; "unknown" for numbers that no Solo5 release used.
constexpr std::string_view TargetName(Target target) {
  switch (target) {
    case Target::kHvt: return "hvt";
    case Target::kSpt: return "spt";
    case Target::kVirtio: return "virtio";
    case Target::kMuen: return "muen";
    case Target::kGenode: return "genode";
    case Target::kXen: return "xen";
  }
  return "unknown";
}

// Version 2 (Solo5 0.8.0) changed only the ELF layout, so one loader accepts both.
inline constexpr std::uint32_t kAbiVersionMin = 1;
inline constexpr std::uint32_t kAbiVersionMax = 2;

// ELF notes. A note header is {u32 name size, u32 descriptor size, u32 type}, then "Solo5\0" padded
// to 8 bytes; the descriptor follows, its payload aligned counting from the note header.
inline constexpr char kNoteName[6] = {'S', 'o', 'l', 'o', '5', '\0'};
inline constexpr std::size_t kNotePreambleSize = 20;   // header and padded name
inline constexpr std::uint32_t kAbiNoteType = 0x31494241;       // "ABI1"
inline constexpr std::uint32_t kManifestNoteType = 0x3154464d;  // "MFT1"
inline constexpr std::size_t kManifestNotePadding = 4;  // aligns the payload to 8

struct AbiNote {
  std::uint32_t target;
  std::uint32_t version;
  std::uint32_t reserved[2];
};
static_assert(sizeof(AbiNote) == 16);

// Memory layout.
inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t kImageFloor = 0x100000;     // nothing of an image lies below
inline constexpr std::uint64_t kBootInfoHvt = 0x10000;
inline constexpr std::uint64_t kBootInfoSpt = 0x11000;
inline constexpr std::uint64_t kSptMemoryBase = 0x10000;   // below it nothing can be mapped
inline constexpr std::uint64_t kGuestMemoryMax = 4ull << 30;

// Boot information of hvt; its address is the entry point's only argument. The last three fields
// are Solo5 0.11 and newer; a guest that knows them reads zeroes: no ring.
struct HvtBootInfo {
  std::uint64_t memory_bytes;
  std::uint64_t kernel_end;
  std::uint64_t cpu_cycle_hz;
  std::uint64_t command_line;  // guest address
  std::uint64_t manifest;      // guest address
  std::uint32_t host_features;
  std::uint32_t guest_features;
  std::uint64_t net_ring;
  std::uint64_t reserved;
};
static_assert(sizeof(HvtBootInfo) == 64);
static_assert(offsetof(HvtBootInfo, net_ring) == 48);

// Boot information of spt.
struct SptBootInfo {
  std::uint64_t memory_bytes;
  std::uint64_t kernel_end;
  std::uint64_t command_line;  // pointer
  std::uint64_t manifest;      // pointer
  std::int32_t epoll_fd;
  std::int32_t timer_fd;
};
static_assert(sizeof(SptBootInfo) == 40);

// epoll data of the timer in spt's epoll set; a device's data is its index in the manifest.
inline constexpr std::uint64_t kSptTimerData = 0xfffffffe;

// A guest's own panic, failed assertion or fatal trap ends with this status.
inline constexpr std::int32_t kExitAbort = 255;

}  // namespace summon::hypervisor
