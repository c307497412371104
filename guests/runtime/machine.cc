// SPDX-License-Identifier: Apache-2.0
// What is the same under every interface: devices, heap, command line.
#include "guests/runtime/runtime.h"

#include "guests/runtime/image.h"
#include "guests/runtime/text.h"

// The parts of the machine that both targets share: manifest, command line, memory, sleep.

namespace summon::guest {

namespace image {

std::string_view ApplicationWords(const char* command_line) {
  constexpr std::string_view kRuntimePrefix = "--solo5:";
  while (true) {
    while (*command_line == ' ') ++command_line;
    if (__builtin_strncmp(command_line, kRuntimePrefix.data(), kRuntimePrefix.size()) != 0) break;
    while (*command_line != 0 && *command_line != ' ') ++command_line;
  }
  return command_line;
}

std::span<const abi::ManifestEntry> Devices(const abi::Manifest* manifest) {
  // SAFETY: the tender placed entry_count records right behind the header, in memory that this
  // guest can only read; the ABI bounds the count.
  return {reinterpret_cast<const abi::ManifestEntry*>(manifest + 1), manifest->entry_count};
}

std::span<std::byte> Heap(std::uint64_t mem_size) {
  // SAFETY: the linker's symbol for the end of the image; only its address is used.
  const auto begin = reinterpret_cast<std::uint64_t>(guest_image_end);
  const std::uint64_t end = mem_size - kStackBytes;
  if (mem_size < kStackBytes || begin >= end) return {};
  // SAFETY: the image ends at `begin` (linker script), memory ends at mem_size (boot info), and
  // the stack keeps its own part; nothing else lies between.
  return {reinterpret_cast<std::byte*>(begin), end - begin};
}

}  // namespace image

const abi::ManifestEntry* Machine::FindDevice(std::string_view name, abi::DeviceType type) const {
  for (const abi::ManifestEntry& entry : devices_) {
    if (entry.type == type && entry.attached && name == entry.name) return &entry;
  }
  return nullptr;
}

const abi::ManifestEntry* Machine::Device(Handle handle, abi::DeviceType type) const {
  const auto index = static_cast<std::uint64_t>(handle);
  if (index >= devices_.size() || devices_[index].type != type) return nullptr;
  return &devices_[index];
}

std::optional<NetDevice> Machine::FindNet(std::string_view name) const {
  const abi::ManifestEntry* entry = FindDevice(name, abi::DeviceType::kNet);
  if (entry == nullptr) return std::nullopt;
  NetDevice device{.handle = Handle(entry - devices_.data()), .mac = {}, .mtu = entry->net.mtu};
  __builtin_memcpy(device.mac.data(), entry->net.mac, device.mac.size());
  return device;
}

std::optional<BlockDevice> Machine::FindBlock(std::string_view name) const {
  const abi::ManifestEntry* entry = FindDevice(name, abi::DeviceType::kBlock);
  if (entry == nullptr) return std::nullopt;
  return BlockDevice{.handle = Handle(entry - devices_.data()),
                     .capacity_bytes = entry->block.capacity,
                     .block_bytes = entry->block.block_size};
}

void Machine::SleepUntil(std::uint64_t deadline_ns) {
  while (MonotonicNs() < deadline_ns) (void)Poll(deadline_ns);  // frames may wait meanwhile
}

void Panic(std::string_view what) {
  Line line;
  line << "Summon guest: ABORT: " << what << '\n';
  Print(line.view());
  Exit(abi::kExitAbort);
}

}  // namespace summon::guest
