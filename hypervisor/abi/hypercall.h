// SPDX-License-Identifier: Apache-2.0
#pragma once
// The hypercalls of the Solo5 hvt ABI: numbers, how they are made, and their argument structures.
//
// The guest passes the address of a structure; results are written into it. Structures lie on the
// guest's stack: copy one, check the copy, use the copy (Solo5 0.6.0 to 0.12.1, hvt_abi.h).

#include <cstddef>
#include <cstdint>

namespace summon::hypervisor {

enum class Hypercall : std::uint32_t {
  kWallTime = 1,
  kPuts = 2,
  kPoll = 3,
  kBlockWrite = 4,
  kBlockRead = 5,
  kNetWrite = 6,
  kNetRead = 7,
  kHalt = 8,
};

// x86_64: a 32-bit `out` of the structure's address to this port plus the number.
inline constexpr std::uint16_t kHypercallPortBase = 0x500;
// aarch64: a 32-bit store of the structure's address to this address plus 8 times the number.
inline constexpr std::uint64_t kHypercallMmioBase = 0x100000000;

// What a device call answers.
enum class GuestResult : std::int32_t { kOk = 0, kAgain = 1, kInvalid = 2, kUnspecified = 3 };

struct WallTimeCall {
  std::uint64_t nanos;  // out; CLOCK_REALTIME
};
struct PutsCall {
  std::uint64_t data;
  std::uint64_t length;
};
struct PollCall {
  std::uint64_t timeout_nanos;
  std::uint64_t ready_set;  // out; bit i: device at manifest index i is readable
  std::int32_t ready_count;  // out
  std::uint32_t padding;
};
struct BlockCall {
  std::uint64_t handle;
  std::uint64_t offset;
  std::uint64_t data;
  std::uint64_t length;  // out too, for reads
  std::int32_t result;   // out; GuestResult
  std::uint32_t padding;
};
struct NetCall {
  std::uint64_t handle;
  std::uint64_t data;
  std::uint64_t length;  // out too, for reads
  std::int32_t result;   // out; GuestResult
  std::uint32_t padding;
};
struct HaltCall {
  std::uint64_t cookie;  // 0, or the address of a description of a trap
  std::int32_t exit_status;
  std::uint32_t padding;
};

// What the cookie of HALT points at after a trap on x86_64.
struct TrapCookieX86 {
  std::uint64_t fault_address;  // CR2
  std::uint64_t error_code;
  std::uint64_t rip;
  std::uint64_t cs;
  std::uint64_t rflags;
  std::uint64_t rsp;
  std::uint64_t ss;
};

static_assert(sizeof(WallTimeCall) == 8 && sizeof(PutsCall) == 16 && sizeof(PollCall) == 24);
static_assert(sizeof(BlockCall) == 40 && sizeof(NetCall) == 32 && sizeof(HaltCall) == 16);
static_assert(offsetof(PollCall, ready_count) == 16 && offsetof(BlockCall, result) == 32);
static_assert(offsetof(NetCall, result) == 24 && offsetof(HaltCall, exit_status) == 8);
static_assert(sizeof(TrapCookieX86) == 56);

}  // namespace summon::hypervisor
