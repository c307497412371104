// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Solo5 image made in memory from a few bytes of machine code: for the loader's tests, which
// break it in every way, and for guests too hostile for a compiler.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hypervisor/abi/solo5.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

struct TinyDevice {
  std::string name;
  DeviceType type = DeviceType::kNet;
};

struct TinyImage {
  Target target = Target::kHvt;
  std::uint32_t abi_version = 2;
  std::vector<std::uint8_t> code = {0xf4};  // hlt; at kTinyText, which is the entry point
  std::vector<TinyDevice> devices;
};

// Where things stand, for tests that change them. Text is read and execute, data read and write.
inline constexpr std::uint64_t kTinyText = 0x100000;
inline constexpr std::uint64_t kTinyTextSize = 0x1000;  // `code` must fit
inline constexpr std::uint64_t kTinyData = 0x101000;
inline constexpr std::uint64_t kTinyDataFileSize = 16;  // "tiny data" and zeroes
inline constexpr std::uint64_t kTinyDataMemorySize = 0x1800;
inline constexpr std::uint64_t kTinyEnd = 0x103000;
// File offsets. The program headers: text, data, ABI note, manifest note, an empty PT_LOAD.
inline constexpr std::size_t kTinyProgramHeaders = 64;
inline constexpr std::size_t kTinyTextHeader = kTinyProgramHeaders;
inline constexpr std::size_t kTinyDataHeader = kTinyProgramHeaders + 56;
inline constexpr std::size_t kTinyAbiHeader = kTinyProgramHeaders + 2 * 56;
inline constexpr std::size_t kTinyManifestHeader = kTinyProgramHeaders + 3 * 56;
inline constexpr std::size_t kTinyAbiNote = 0x200;
inline constexpr std::size_t kTinyManifestNote = 0x240;
inline constexpr std::size_t kTinyManifest = kTinyManifestNote + 24;
inline constexpr std::size_t kTinyTextFile = 0x2000;
inline constexpr std::size_t kTinyDataFile = 0x3000;

std::vector<std::uint8_t> BuildTinyImage(const TinyImage& tiny);

}  // namespace summon::hypervisor
