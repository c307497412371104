// SPDX-License-Identifier: Apache-2.0
// Checks and fills manifests; see the header. Pure: bytes and configuration in, a value out.
#include "hypervisor/abi/manifest.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::uint16_t kMtuMin = 68;  // RFC 791: every IPv4 link carries 68 bytes

std::string TypeName(std::uint32_t type) {
  if (type == static_cast<std::uint32_t>(DeviceType::kBlock)) return "block";
  if (type == static_cast<std::uint32_t>(DeviceType::kNet)) return "net";
  return StrCat("type ", Hex(type));
}

Error Invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Text of an untrusted, fixed-size field, for messages.
std::string QuoteName(const char (&name)[kDeviceNameSize]) {
  return Quote(std::string_view(name, strnlen(name, sizeof name)));
}

Status CheckReservedEntry(const ManifestEntry& entry) {
  if (entry.type != kManifestReservedType || entry.name[0] != '\0') {
    return Invalid(StrCat("manifest entry 0 is ", TypeName(entry.type), " ", QuoteName(entry.name),
                          "; must be the reserved entry (type 0x40000000, no name)"));
  }
  return Ok();
}

Status CheckDeviceEntry(const ManifestEntry& entry, std::size_t index) {
  const std::string which = StrCat("manifest entry ", index);
  if (entry.name[kDeviceNameSize - 1] != '\0') {
    return Invalid(StrCat(which, " has a name without an end; at most ", kDeviceNameSize - 1,
                          " characters"));
  }
  const std::string_view name = entry.name_view();
  if (name.empty()) return Invalid(StrCat(which, " has no name"));
  if (!std::all_of(name.begin(), name.end(), IsAlphanumeric)) {
    return Invalid(StrCat(which, " is called ", Quote(name), "; names are of a-z, A-Z and 0-9"));
  }
  if (!entry.is(DeviceType::kBlock) && !entry.is(DeviceType::kNet)) {
    return Invalid(StrCat(which, " ", Quote(name), " has the unknown ", TypeName(entry.type),
                          "; must be 1 (block) or 2 (net)"));
  }
  if (entry.attached != 0) {
    return Invalid(StrCat(which, " ", Quote(name), " claims to be attached already"));
  }
  return Ok();
}

Status FillNet(const JobDevice& device, ManifestEntry& entry) {
  if (device.mtu < kMtuMin) {
    return Invalid(StrCat("net device ", Quote(entry.name_view()), ": the MTU is ", device.mtu,
                          "; must be at least ", kMtuMin));
  }
  if ((device.mac[0] & 1) != 0) {
    return Invalid(StrCat("net device ", Quote(entry.name_view()),
                          ": the MAC address is a multicast address"));
  }
  std::memcpy(entry.net.mac, device.mac, sizeof entry.net.mac);
  entry.net.mtu = device.mtu;
  return Ok();
}

Status FillBlock(const JobDevice& device, ManifestEntry& entry) {
  const std::string which = StrCat("block device ", Quote(entry.name_view()));
  if (!std::has_single_bit(device.sector_size) || device.sector_size < kSectorSizeMin ||
      device.sector_size > kSectorSizeMax) {
    return Invalid(StrCat(which, ": the sector size is ", device.sector_size,
                          "; must be a power of two in ", kSectorSizeMin, "..", kSectorSizeMax));
  }
  if (device.capacity < device.sector_size || device.capacity % device.sector_size != 0) {
    return Invalid(StrCat(which, ": the capacity is ", device.capacity,
                          " bytes; must be one or more whole sectors of ", device.sector_size));
  }
  entry.block.capacity = device.capacity;
  entry.block.sector_size = static_cast<std::uint16_t>(device.sector_size);
  return Ok();
}

Status AttachDevice(const JobDevice& device, Manifest& manifest) {
  const std::string shown = StrCat(TypeName(static_cast<std::uint32_t>(device.type)), " device ",
                                   QuoteName(device.name));
  if (strnlen(device.name, sizeof device.name) == sizeof device.name) {
    return Invalid(StrCat(shown, " is configured with a name without an end"));
  }
  const std::optional<std::size_t> index = FindDevice(manifest, device.name);
  if (!index) {
    return Invalid(StrCat(shown, " is configured, but the image does not declare it; it declares ",
                          DescribeDevices(manifest)));
  }
  ManifestEntry& entry = manifest.entries[*index];
  if (!entry.is(device.type)) {
    return Invalid(StrCat(shown, " is configured, but the image declares it as a ",
                          TypeName(entry.type), " device; it declares ",
                          DescribeDevices(manifest)));
  }
  if (entry.attached != 0) return Invalid(StrCat(shown, " is configured twice"));
  entry.attached = 1;
  return entry.is(DeviceType::kNet) ? FillNet(device, entry) : FillBlock(device, entry);
}

}  // namespace

Bytes Manifest::payload() const& {
  // SAFETY: a trivially copyable value seen as bytes; count <= kManifestEntriesMax: ParseManifest.
  return Bytes(reinterpret_cast<const std::uint8_t*>(this),
               kHeaderSize + count * sizeof(ManifestEntry));
}

Result<Manifest> ParseManifest(Bytes payload) {
  ByteReader reader(payload);
  const auto version = reader.Read<std::uint32_t>();
  const auto count = reader.Read<std::uint32_t>();
  if (!version || !count) {
    return Invalid(StrCat("manifest of ", payload.size(), " bytes; its header needs 8"));
  }
  if (*version != kManifestVersion) {
    return Invalid(StrCat("manifest version is ", *version, "; must be ", kManifestVersion));
  }
  if (*count < 1 || *count > kManifestEntriesMax) {
    return Invalid(StrCat("manifest has ", *count, " entries; must be 1..", kManifestEntriesMax));
  }
  if (reader.remaining() != *count * sizeof(ManifestEntry)) {
    return Invalid(StrCat("manifest with ", *count, " entries is ", payload.size(),
                          " bytes long; must be ", kHeaderSize + *count * sizeof(ManifestEntry)));
  }
  Manifest manifest;
  for (std::size_t i = 0; i < *count; ++i) {
    ManifestEntry entry = *reader.Read<ManifestEntry>();
    if (i == 0) {
      SUMMON_TRY(CheckReservedEntry(entry));
    } else {
      SUMMON_TRY(CheckDeviceEntry(entry, i));
      if (FindDevice(manifest, entry.name_view())) {
        return Invalid(StrCat("manifest declares ", Quote(entry.name_view()), " twice"));
      }
    }
    ManifestEntry& clean = manifest.entries[i];
    std::memcpy(clean.name, entry.name, strnlen(entry.name, sizeof entry.name));
    clean.type = entry.type;
    manifest.count = static_cast<std::uint32_t>(i + 1);
  }
  return manifest;
}

std::optional<std::size_t> FindDevice(const Manifest& manifest, std::string_view name) {
  for (std::size_t i = 1; i < manifest.count; ++i) {
    if (manifest.entries[i].name_view() == name) return i;
  }
  return std::nullopt;
}

std::string DescribeDevices(const Manifest& manifest) {
  if (manifest.count <= 1) return "no devices";
  std::string out;
  for (std::size_t i = 1; i < manifest.count; ++i) {
    const ManifestEntry& entry = manifest.entries[i];
    out += StrCat(i > 1 ? ", " : "", TypeName(entry.type), " ", Quote(entry.name_view()));
  }
  return out;
}

Result<Manifest> AttachDevices(const Manifest& manifest, std::span<const JobDevice> devices) {
  Manifest attached = manifest;
  for (const JobDevice& device : devices) SUMMON_TRY(AttachDevice(device, attached));
  for (std::size_t i = 1; i < attached.count; ++i) {
    const ManifestEntry& entry = attached.entries[i];
    if (entry.attached == 0) {
      return Invalid(StrCat(TypeName(entry.type), " device ", Quote(entry.name_view()),
                            " is not configured; the image declares ",
                            DescribeDevices(manifest)));
    }
  }
  return attached;
}

}  // namespace summon::hypervisor
