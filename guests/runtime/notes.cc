// SPDX-License-Identifier: Apache-2.0
// What an image says about itself, besides its devices: which ABI it was built for.
//
// SUMMON_GUEST_TARGET is 1 for hvt and 2 for spt; the build sets it.

#include <cstdint>

#include "guests/runtime/abi.h"

namespace summon::guest {
namespace {

// The host's kernel must not run an image as a program: its interpreter cannot exist.
[[gnu::section(".interp"), gnu::used]] constexpr char kInterpreter[] = "/nonexistent/solo5/";

// Keeps OpenBSD from looking for its own identification further on (Solo5 elf_abi.h).
struct Decoy {
  std::uint32_t name_bytes = 8;
  std::uint32_t payload_bytes = 4;
  std::uint32_t type = 1;
  char name[8] = {'O', 'p', 'e', 'n', 'B', 'S', 'D', 0};
  std::uint32_t payload = 0;
};
[[gnu::section(".note.solo5.not-openbsd"), gnu::used]] constexpr Decoy kDecoy;

[[gnu::section(".note.solo5.abi"), gnu::used]] constexpr abi::AbiNote kAbi = {
    .target = SUMMON_GUEST_TARGET};

}  // namespace
}  // namespace summon::guest
