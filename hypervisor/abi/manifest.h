// SPDX-License-Identifier: Apache-2.0
#pragma once
// The application manifest of a Solo5 image: which devices it was built to use.
//
// It stands in a note of the image, is checked here, is filled with what the job configures, and
// is then copied into guest memory, where the guest reads it in place. A device's handle is its
// index in the table (1..63): a set of devices fits in a 64-bit mask.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

inline constexpr std::uint32_t kManifestVersion = 1;
inline constexpr std::size_t kManifestEntriesMax = kDevicesMax + 1;  // entry 0 is reserved
inline constexpr std::uint32_t kManifestReservedType = 0x40000000;
inline constexpr std::size_t kEthernetHeaderSize = 14;
inline constexpr std::uint32_t kSectorSizeMin = 512;
inline constexpr std::uint32_t kSectorSizeMax = 32'768;  // a power of two in a 16-bit field

// One device, as it lies in the image and in guest memory.
struct ManifestEntry {
  char name[kDeviceNameSize];
  std::uint32_t type;  // DeviceType, or kManifestReservedType
  union {
    struct {
      std::uint64_t capacity;
      std::uint16_t sector_size;
    } block;
    struct {
      std::uint8_t mac[6];
      std::uint16_t mtu;  // without the Ethernet header
    } net;
    std::uint8_t raw[16];
  };
  std::uint64_t host;  // spt: the descriptor, which the guest uses; hvt: 0
  std::uint8_t attached;
  std::uint8_t padding[7];

  std::string_view name_view() const { return {name}; }
  bool is(DeviceType wanted) const { return type == static_cast<std::uint32_t>(wanted); }
};
static_assert(sizeof(ManifestEntry) == 104);
static_assert(offsetof(ManifestEntry, type) == 68 && offsetof(ManifestEntry, raw) == 72);
static_assert(offsetof(ManifestEntry, host) == 88 && offsetof(ManifestEntry, attached) == 96);

// A checked manifest. Entry 0 is the reserved one; devices are 1..count-1.
struct Manifest {
  std::uint32_t version = kManifestVersion;
  std::uint32_t count = 1;
  std::array<ManifestEntry, kManifestEntriesMax> entries = {};

  // What a guest sees: the header and `count` entries. A view: lives as long as the manifest.
  Bytes payload() const&;
  Bytes payload() const&& = delete;
};
static_assert(sizeof(Manifest) == 8 + kManifestEntriesMax * sizeof(ManifestEntry));

// The manifest in `payload` (a manifest note's descriptor without its padding). Only names, types
// and the number of entries are taken over: the rest is the booting side's to fill.
//
// Errors: kInvalid, saying which entry breaks which rule.
Result<Manifest> ParseManifest(Bytes payload);

// The index of the device called `name`, if it is declared.
std::optional<std::size_t> FindDevice(const Manifest& manifest, std::string_view name);

// `net "service", block "storage"`; `no devices` when there are none.
std::string DescribeDevices(const Manifest& manifest);

// `manifest` with every device attached as `devices` configure it. Every declared device must be
// configured, and every configured one declared, once, with the same type and sound parameters.
// `host` stays 0.
//
// Errors: kInvalid, naming the device, its type and what the image declares.
Result<Manifest> AttachDevices(const Manifest& manifest, std::span<const JobDevice> devices);

}  // namespace summon::hypervisor
