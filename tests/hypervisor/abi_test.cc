// SPDX-License-Identifier: Apache-2.0
// Manifests, devices and the boot area.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/strings.h"
#include "hypervisor/abi/boot_area.h"
#include "hypervisor/abi/hypercall.h"
#include "hypervisor/abi/manifest.h"

namespace summon::hypervisor {
namespace {

ManifestEntry Entry(const std::string& name, std::uint32_t type) {
  ManifestEntry entry = {};
  std::memcpy(entry.name, name.data(), std::min(name.size(), sizeof entry.name));
  entry.type = type;
  return entry;
}

const ManifestEntry kReserved = Entry("", kManifestReservedType);

std::vector<std::uint8_t> PayloadOf(const std::vector<ManifestEntry>& entries) {
  const std::uint32_t header[] = {kManifestVersion, static_cast<std::uint32_t>(entries.size())};
  std::vector<std::uint8_t> payload(sizeof header + entries.size() * sizeof(ManifestEntry));
  std::memcpy(payload.data(), header, sizeof header);
  std::uint8_t* at = payload.data() + sizeof header;
  for (const ManifestEntry& entry : entries) {
    std::memcpy(at, &entry, sizeof entry);
    at += sizeof entry;
  }
  return payload;
}

std::string Refusal(const std::vector<ManifestEntry>& entries) {
  const Result<Manifest> manifest = ParseManifest(PayloadOf(entries));
  return manifest.ok() ? "accepted" : manifest.error().message();
}

Manifest NetAndBlock() {
  return ParseManifest(PayloadOf({kReserved, Entry("service", 2), Entry("storage", 1)})).value();
}

JobDevice Device(const char* name, DeviceType type) {
  JobDevice device = {};
  std::strcpy(device.name, name);
  device.type = type;
  device.mac[0] = 2;
  device.mac[5] = 7;
  device.mtu = 1500;
  device.sector_size = 512;
  device.capacity = 1024;
  return device;
}

std::string AttachRefusal(const std::vector<JobDevice>& devices) {
  const Result<Manifest> manifest = AttachDevices(NetAndBlock(), devices);
  return manifest.ok() ? "accepted" : manifest.error().message();
}

TEST(Manifest, DevicesAreParsed) {
  const Manifest manifest = NetAndBlock();
  EXPECT_EQ(manifest.count, 3u);
  EXPECT_EQ(FindDevice(manifest, "service"), 1u);
  EXPECT_EQ(FindDevice(manifest, "storage"), 2u);
  EXPECT_EQ(FindDevice(manifest, "nothing"), std::nullopt);
  EXPECT_EQ(FindDevice(manifest, ""), std::nullopt);  // the reserved entry is no device
}

TEST(Manifest, WithoutDevicesIsGood) {
  const Result<Manifest> manifest = ParseManifest(PayloadOf({kReserved}));
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(DescribeDevices(*manifest), "no devices");
}

TEST(Manifest, SixtyThreeDevicesAreGoodAndOneMoreIsNot) {
  std::vector<ManifestEntry> entries = {kReserved};
  for (int i = 0; i < 63; ++i) entries.push_back(Entry(StrCat("d", i), 1));
  EXPECT_EQ(Refusal(entries), "accepted");
  entries.push_back(Entry("more", 1));
  EXPECT_EQ(Refusal(entries), "manifest has 65 entries; must be 1..64");
}

TEST(Manifest, OfAWrongLengthIsRefused) {
  std::vector<std::uint8_t> payload = PayloadOf({kReserved});
  payload.push_back(0);
  EXPECT_EQ(ParseManifest(payload).error().message(),
            "manifest with 1 entries is 113 bytes long; must be 112");
  EXPECT_EQ(ParseManifest(Bytes(payload).first(7)).error().message(),
            "manifest of 7 bytes; its header needs 8");
  EXPECT_EQ(Refusal({}), "manifest has 0 entries; must be 1..64");
}

TEST(Manifest, FirstEntryMustBeReserved) {
  EXPECT_EQ(Refusal({Entry("service", 2)}),
            "manifest entry 0 is net \"service\"; must be the reserved entry (type 0x40000000, no "
            "name)");
}

TEST(Manifest, NameWithoutEndIsRefused) {
  EXPECT_EQ(Refusal({kReserved, Entry(std::string(68, 'a'), 2)}),
            "manifest entry 1 has a name without an end; at most 67 characters");
  EXPECT_EQ(Refusal({kReserved, Entry(std::string(67, 'a'), 2)}), "accepted");
}

TEST(Manifest, NamesAreAlphanumeric) {
  EXPECT_EQ(Refusal({kReserved, Entry("a b", 2)}),
            "manifest entry 1 is called \"a b\"; names are of a-z, A-Z and 0-9");
  EXPECT_EQ(Refusal({kReserved, Entry("", 2)}), "manifest entry 1 has no name");
}

TEST(Manifest, NamesAreUnique) {
  EXPECT_EQ(Refusal({kReserved, Entry("a", 2), Entry("a", 1)}), "manifest declares \"a\" twice");
}

TEST(Manifest, UnknownTypeIsRefused) {
  EXPECT_EQ(Refusal({kReserved, Entry("a", 3)}),
            "manifest entry 1 \"a\" has the unknown type 0x3; must be 1 (block) or 2 (net)");
}

TEST(Manifest, AttachedEntryIsRefused) {
  ManifestEntry entry = Entry("a", 2);
  entry.attached = 1;
  EXPECT_EQ(Refusal({kReserved, entry}), "manifest entry 1 \"a\" claims to be attached already");
}

TEST(Manifest, WhatTheFileSaysAboutTheHostIsNotTakenOver) {
  ManifestEntry entry = Entry("a", 2);
  entry.host = 0xdead;
  entry.block.capacity = ~std::uint64_t{0};
  const Result<Manifest> manifest = ParseManifest(PayloadOf({kReserved, entry}));
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->entries[1].host, 0u);
  EXPECT_EQ(manifest->entries[1].block.capacity, 0u);
}

TEST(AttachDevices, DevicesAreFilledInAnyOrder) {
  const std::vector<JobDevice> devices = {Device("storage", DeviceType::kBlock),
                                          Device("service", DeviceType::kNet)};
  const Result<Manifest> manifest = AttachDevices(NetAndBlock(), devices);
  ASSERT_TRUE(manifest.ok()) << manifest.error().message();
  EXPECT_EQ(manifest->entries[1].attached, 1);
  EXPECT_EQ(manifest->entries[1].net.mac[5], 7);
  EXPECT_EQ(manifest->entries[1].net.mtu, 1500);
  EXPECT_EQ(manifest->entries[2].attached, 1);
  EXPECT_EQ(manifest->entries[2].block.capacity, 1024u);
  EXPECT_EQ(manifest->entries[2].block.sector_size, 512);
}

TEST(AttachDevices, DeclaredDeviceMustBeConfigured) {
  EXPECT_EQ(AttachRefusal({Device("service", DeviceType::kNet)}),
            "block device \"storage\" is not configured; the image declares net \"service\", "
            "block \"storage\"");
}

TEST(AttachDevices, ConfiguredDeviceMustBeDeclared) {
  EXPECT_EQ(AttachRefusal({Device("other", DeviceType::kNet)}),
            "net device \"other\" is configured, but the image does not declare it; it declares "
            "net \"service\", block \"storage\"");
}

TEST(AttachDevices, TypesMustAgree) {
  EXPECT_EQ(AttachRefusal({Device("service", DeviceType::kBlock)}),
            "block device \"service\" is configured, but the image declares it as a net device; "
            "it declares net \"service\", block \"storage\"");
}

TEST(AttachDevices, DeviceIsConfiguredOnce) {
  EXPECT_EQ(AttachRefusal({Device("service", DeviceType::kNet),
                           Device("service", DeviceType::kNet)}),
            "net device \"service\" is configured twice");
}

TEST(AttachDevices, NameWithoutEndIsRefused) {
  JobDevice device = Device("service", DeviceType::kNet);
  std::memset(device.name, 'a', sizeof device.name);
  EXPECT_NE(AttachRefusal({device}).find("without an end"), std::string::npos);
}

TEST(AttachDevices, SectorSizeIsAPowerOfTwoThatFitsItsField) {
  JobDevice device = Device("storage", DeviceType::kBlock);
  device.sector_size = 65'536;
  device.capacity = 65'536;
  EXPECT_EQ(AttachRefusal({device}),
            "block device \"storage\": the sector size is 65536; must be a power of two in "
            "512..32768");
}

TEST(AttachDevices, CapacityIsWholeSectors) {
  JobDevice device = Device("storage", DeviceType::kBlock);
  device.capacity = 1000;
  EXPECT_EQ(AttachRefusal({device}),
            "block device \"storage\": the capacity is 1000 bytes; must be one or more whole "
            "sectors of 512");
}

TEST(AttachDevices, MulticastAddressIsRefused) {
  JobDevice device = Device("service", DeviceType::kNet);
  device.mac[0] = 1;
  EXPECT_EQ(AttachRefusal({device}),
            "net device \"service\": the MAC address is a multicast address");
}

TEST(BootArea, HvtGuestFindsItsInformation) {
  std::vector<std::uint8_t> memory(kImageFloor, 0xaa);
  const BootArea area = {.target = Target::kHvt,
                         .memory_bytes = 32u << 20,
                         .kernel_end = 0x200000,
                         .cpu_cycle_hz = 2'000'000'000,
                         .command_line = "one two"};
  const auto address = WriteBootArea(area, NetAndBlock(), {0, memory});
  ASSERT_TRUE(address.ok()) << address.error().message();
  EXPECT_EQ(*address, 0x10000u);
  HvtBootInfo info;
  std::memcpy(&info, memory.data() + *address, sizeof info);
  EXPECT_EQ(info.memory_bytes, 32u << 20);
  EXPECT_EQ(info.kernel_end, 0x200000u);
  EXPECT_EQ(info.cpu_cycle_hz, 2'000'000'000u);
  EXPECT_EQ(info.host_features, 0u);
  EXPECT_EQ(info.net_ring, 0u);
  EXPECT_EQ(info.manifest % 8, 0u);
  // SAFETY: the command line is NUL terminated inside the vector.
  EXPECT_STREQ(reinterpret_cast<const char*>(memory.data() + info.command_line), "one two");
  const Manifest manifest = NetAndBlock();
  EXPECT_EQ(std::memcmp(memory.data() + info.manifest, manifest.payload().data(), 8), 0);
  EXPECT_EQ(std::memcmp(memory.data() + info.manifest + 8 + 104, "service", 8), 0);
}

TEST(BootArea, SptGuestFindsItsInformation) {
  std::vector<std::uint8_t> memory(kImageFloor - kSptMemoryBase, 0xaa);
  const BootArea area = {.target = Target::kSpt,
                         .memory_bytes = 32u << 20,
                         .kernel_end = 0x200000,
                         .epoll_fd = 4,
                         .timer_fd = 5,
                         .command_line = ""};
  const auto address = WriteBootArea(area, NetAndBlock(), {kSptMemoryBase, memory});
  ASSERT_TRUE(address.ok()) << address.error().message();
  EXPECT_EQ(*address, 0x11000u);
  SptBootInfo info;
  std::memcpy(&info, memory.data() + (*address - kSptMemoryBase), sizeof info);
  EXPECT_EQ(info.memory_bytes, 32u << 20);
  EXPECT_EQ(info.epoll_fd, 4);
  EXPECT_EQ(info.timer_fd, 5);
  EXPECT_EQ(memory[info.command_line - kSptMemoryBase], 0);
}

TEST(BootArea, CommandLineIsBounded) {
  std::vector<std::uint8_t> memory(kImageFloor);
  const std::string text(kCommandLineSize, 'a');
  BootArea area = {.command_line = text};
  EXPECT_EQ(WriteBootArea(area, NetAndBlock(), {0, memory}).error().message(),
            "the command line is 8192 bytes long; at most 8191");
  area.command_line = std::string_view(text).substr(1);
  EXPECT_TRUE(WriteBootArea(area, NetAndBlock(), {0, memory}).ok());
}

TEST(BootArea, SmallMemoryIsRefused) {
  std::vector<std::uint8_t> memory(kBootInfoHvt + 100);
  EXPECT_FALSE(WriteBootArea({}, NetAndBlock(), {0, memory}).ok());
}

TEST(GuestWindow, RangesThatLeaveItAreEmpty) {
  std::vector<std::uint8_t> memory(16);
  const GuestWindow window = {0x1000, memory};
  EXPECT_EQ(window.At({0x1000, 16}).size(), 16u);
  EXPECT_EQ(window.At({0x100f, 1}).size(), 1u);
  EXPECT_TRUE(window.At({0x100f, 2}).empty());
  EXPECT_TRUE(window.At({0xfff, 1}).empty());
  EXPECT_TRUE(window.At({~std::uint64_t{0}, 16}).empty());
  EXPECT_TRUE(window.At({0x1001, ~std::uint64_t{0}}).empty());
}

}  // namespace
}  // namespace summon::hypervisor
