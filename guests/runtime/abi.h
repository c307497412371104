// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Solo5 ABI as an image sees it: ELF notes, device manifest, boot information, hypercalls.
//
// Layouts and numbers are those of Solo5 0.8 and later (include/elf_abi.h, mft_abi.h, hvt_abi.h,
// spt_abi.h); an image built from these runs under any tender of ABI version 2, ours or Solo5's.

#include <cstddef>
#include <cstdint>

namespace summon::guest::abi {

inline constexpr std::uint32_t kAbiVersion = 2;
enum class Target : std::uint32_t { kHvt = 1, kSpt = 2 };

// Where images are linked, and the page that trap gates point into (start_hvt.cc).
inline constexpr std::uint64_t kImageBase = 0x100000;

// ---- ELF notes ------------------------------------------------------------------------------

struct NoteHeader {
  std::uint32_t name_bytes = 6;
  std::uint32_t payload_bytes;
  std::uint32_t type;
  char name[8] = "Solo5";
};
static_assert(sizeof(NoteHeader) == 20);

inline constexpr std::uint32_t kNoteAbi = 0x31494241;       // "ABI1"
inline constexpr std::uint32_t kNoteManifest = 0x3154464d;  // "MFT1"

struct AbiNote {
  NoteHeader header{.payload_bytes = 16, .type = kNoteAbi};
  std::uint32_t target;
  std::uint32_t version = kAbiVersion;
  std::uint32_t reserved[2] = {};
};
static_assert(sizeof(AbiNote) == 36);

// ---- Device manifest ------------------------------------------------------------------------

enum class DeviceType : std::uint32_t { kBlock = 1, kNet = 2, kReservedFirst = 0x40000000 };

inline constexpr std::size_t kDeviceNameMax = 67;

struct ManifestEntry {
  char name[kDeviceNameMax + 1];
  DeviceType type;
  union {
    struct {
      std::uint64_t capacity;
      std::uint16_t block_size;
    } block;
    struct {
      std::uint8_t mac[6];
      std::uint16_t mtu;
    } net;
  };
  std::int32_t host_fd;  // spt only
  std::int32_t unused;
  bool attached;
  std::uint8_t padding[7];
};
static_assert(sizeof(ManifestEntry) == 104 && offsetof(ManifestEntry, block) == 72 &&
              offsetof(ManifestEntry, host_fd) == 88 && offsetof(ManifestEntry, attached) == 96);

struct Manifest {
  std::uint32_t version;
  std::uint32_t entry_count;
  // entry_count records of ManifestEntry follow.
};

// ---- Boot information -----------------------------------------------------------------------

struct HvtBootInfo {
  std::uint64_t mem_size;
  std::uint64_t kernel_end;
  std::uint64_t cpu_cycle_freq;
  const char* cmdline;
  const Manifest* manifest;
};
static_assert(sizeof(HvtBootInfo) == 40);

struct SptBootInfo {
  std::uint64_t mem_size;
  std::uint64_t kernel_end;
  const char* cmdline;
  const Manifest* manifest;
  std::int32_t epoll_fd;
  std::int32_t timer_fd;
};
static_assert(sizeof(SptBootInfo) == 40);

// ---- Hypercalls (hvt) -----------------------------------------------------------------------

enum class Call : std::uint16_t {
  kWalltime = 1,
  kPuts = 2,
  kPoll = 3,
  kBlockWrite = 4,
  kBlockRead = 5,
  kNetWrite = 6,
  kNetRead = 7,
  kHalt = 8,
};
inline constexpr std::uint16_t kPioBase = 0x500;

struct Walltime {
  std::uint64_t nsecs;
};
struct Puts {
  const void* data;
  std::uint64_t len;
};
struct Poll {
  std::uint64_t timeout_nsecs;
  std::uint64_t ready_set = 0;
  std::int32_t ret = 0;
};
struct BlockIo {
  std::uint64_t handle;
  std::uint64_t offset;
  const void* data;
  std::uint64_t len;
  std::int32_t ret = 0;
};
struct NetIo {
  std::uint64_t handle;
  const void* data;
  std::uint64_t len;
  std::int32_t ret = 0;
};
struct Halt {
  const void* cookie;
  std::int32_t exit_status;
};
static_assert(sizeof(Puts) == 16 && sizeof(Poll) == 24 && sizeof(BlockIo) == 40 &&
              sizeof(NetIo) == 32 && sizeof(Halt) == 16);

inline constexpr int kExitAbort = 255;
// The tender reads this much at the halt cookie.
inline constexpr std::size_t kHaltCookieBytes = 512;

// ---- spt ------------------------------------------------------------------------------------

// epoll data of the timer descriptor; devices have their manifest index.
inline constexpr std::uint64_t kSptTimerEvent = 0xfffffffe;

}  // namespace summon::guest::abi
