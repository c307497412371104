// SPDX-License-Identifier: Apache-2.0
#pragma once
// Declares an image's devices: builds the manifest note at compile time.
//
// Solo5 generates this from JSON with a tool of its own; a constexpr table says the same in the
// application's own source. Every image needs exactly one SUMMON_GUEST_DEVICES.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "guests/runtime/abi.h"

namespace summon::guest {

struct DeviceDeclaration {
  std::string_view name;
  abi::DeviceType type;
};

constexpr DeviceDeclaration Net(std::string_view name) { return {name, abi::DeviceType::kNet}; }
constexpr DeviceDeclaration Block(std::string_view name) {
  return {name, abi::DeviceType::kBlock};
}

// The note in the file; `kDevices` plus the reserved first entry. The payload starts 24 bytes
// into the note, which is why the header is followed by padding that counts as payload.
template <std::size_t kDevices>
struct alignas(8) ManifestNote {
  static constexpr std::uint32_t kPayloadBytes =
      4 + sizeof(abi::Manifest) + sizeof(abi::ManifestEntry) * (1 + kDevices);

  abi::NoteHeader header{.payload_bytes = kPayloadBytes, .type = abi::kNoteManifest};
  std::uint32_t padding = 0;
  abi::Manifest manifest{.version = 1, .entry_count = 1 + kDevices};
  abi::ManifestEntry entries[1 + kDevices] = {};
};

// Never defined: calling it in a constant expression is the compile-time error.
void DeviceNameIsTooLong();

template <typename... Devices>
consteval auto MakeManifest(Devices... devices) {
  ManifestNote<sizeof...(Devices)> note;
  note.entries[0].type = abi::DeviceType::kReservedFirst;
  std::size_t next = 1;
  for (const DeviceDeclaration& device : std::initializer_list<DeviceDeclaration>{devices...}) {
    abi::ManifestEntry& entry = note.entries[next++];
    if (device.name.size() > abi::kDeviceNameMax) DeviceNameIsTooLong();
    for (std::size_t i = 0; i < device.name.size(); ++i) entry.name[i] = device.name[i];
    entry.type = device.type;
  }
  return note;
}

}  // namespace summon::guest

// SUMMON_GUEST_DEVICES(Net("service"), Block("storage")); at namespace scope, inside
// summon::guest. No argument declares no device.
#define SUMMON_GUEST_DEVICES(...)                                             \
  [[gnu::section(".note.solo5.manifest"), gnu::used]] static constexpr auto   \
      kSummonGuestManifest = ::summon::guest::MakeManifest(__VA_ARGS__)
