// SPDX-License-Identifier: Apache-2.0
// Checking a job frame.
#include "hypervisor/control/job.h"

#include <bit>
#include <cstring>

#include "base/strings.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/control/packed_job.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

namespace {

Error Invalid(std::string message) {
  return Error(ErrorCode::kInvalid, StrCat("job: ", message));
}

bool Terminated(std::span<const char> text) {
  return std::memchr(text.data(), '\0', text.size()) != nullptr;
}

Status CheckFlags(std::uint32_t flags) {
  constexpr std::uint32_t kKnown = kJobHasKvm | kJobCheckOnly | kJobLayOut | kJobLaidOut |
                                   kJobRestore | kJobHold | kJobSnapshots | kJobCoreFile;
  if ((flags & ~kKnown) != 0) return Invalid(StrCat("unknown flags ", Hex(flags & ~kKnown)));
  constexpr std::uint32_t kWithoutGuest = kJobCheckOnly | kJobLayOut;
  if ((flags & kWithoutGuest) != 0 && std::popcount(flags) != 1) {
    return Invalid(StrCat("flags ", Hex(flags), ": a check or a layout goes with no other flag"));
  }
  if ((flags & kJobRestore) != 0 && (flags & kJobLaidOut) == 0) {
    return Invalid("a snapshot came without the layout of its image");
  }
  return Ok();
}

Status CheckHeader(const JobFrame& frame) {
  SUMMON_TRY(CheckFlags(frame.flags));
  if (frame.memory_bytes < kMemoryUnit || frame.memory_bytes > kGuestMemoryMax) {
    return Invalid(StrCat("memory of ", frame.memory_bytes, " bytes; must be ", kMemoryUnit, "..",
                          kGuestMemoryMax));
  }
  return Ok();
}

Status CheckNet(const JobDevice& device) {
  if (device.mtu < kMtuMin || device.mtu > kMtuMax) {
    return Invalid(StrCat("net ", Quote(device.name), ": MTU ", device.mtu, "; must be ", kMtuMin,
                          "..", kMtuMax));
  }
  if ((device.mac[0] & 1) != 0) {
    return Invalid(StrCat("net ", Quote(device.name), ": the MAC address is a multicast address"));
  }
  switch (device.frame_check) {
    case FrameCheck::kAddress:
    case FrameCheck::kMac:
    case FrameCheck::kOff: break;
    default:
      return Invalid(StrCat("net ", Quote(device.name), ": frame_check is ",
                            static_cast<std::uint32_t>(device.frame_check), "; must be 1..3"));
  }
  constexpr std::uint8_t kNone[4] = {};
  if (device.frame_check == FrameCheck::kAddress &&
      std::memcmp(device.ipv4, kNone, sizeof kNone) == 0) {
    return Invalid(StrCat("net ", Quote(device.name), ": its frames are to be checked against "
                          "the service's IPv4 address, but there is none"));
  }
  return Ok();
}

Status CheckBlock(const JobDevice& device) {
  if (!std::has_single_bit(device.sector_size) || device.sector_size < kSectorSizeMin ||
      device.sector_size > kSectorSizeMax) {
    return Invalid(StrCat("block ", Quote(device.name), ": sector size ", device.sector_size,
                          "; must be a power of two in ", kSectorSizeMin, "..", kSectorSizeMax));
  }
  if (device.capacity == 0 || device.capacity % device.sector_size != 0) {
    return Invalid(StrCat("block ", Quote(device.name), ": capacity ", device.capacity,
                          " is not a positive multiple of the sector size ", device.sector_size));
  }
  if (device.capacity > static_cast<std::uint64_t>(INT64_MAX)) {
    return Invalid(StrCat("block ", Quote(device.name), ": capacity ", device.capacity,
                          " does not fit a file"));
  }
  if (device.read_only > 1) {
    return Invalid(StrCat("block ", Quote(device.name), ": read_only is ", device.read_only,
                          "; must be 0 or 1"));
  }
  return Ok();
}

Status CheckDevice(const Job& job, std::size_t index) {
  const JobDevice& device = job.frame.devices[index];
  if (!Terminated(device.name) || device.name[0] == '\0') {
    return Invalid(StrCat("device ", index, ": the name is empty or does not end"));
  }
  for (std::size_t other = 0; other < index; ++other) {
    if (std::strcmp(job.frame.devices[other].name, device.name) == 0) {
      return Invalid(StrCat("device ", Quote(device.name), " is configured twice"));
    }
  }
  switch (device.type) {
    case DeviceType::kNet: return CheckNet(device);
    case DeviceType::kBlock: return CheckBlock(device);
  }
  return Invalid(StrCat("device ", Quote(device.name), ": unknown type ",
                        static_cast<std::uint32_t>(device.type)));
}

}  // namespace

Result<std::unique_ptr<Job>> CheckJob(Bytes packed, std::size_t descriptor_count) {
  // Not cleared: that would touch pages which a waiting monitor has not got yet.
  auto job = std::make_unique_for_overwrite<Job>();
  if (Status unpacked = UnpackJob(packed, job->frame); !unpacked.ok()) return unpacked.error();
  if (Status header = CheckHeader(job->frame); !header.ok()) return header.error();
  const std::size_t wanted = job->first_device() + job->frame.device_count;
  if (descriptor_count != wanted) {
    return Invalid(StrCat(descriptor_count, " descriptors came with it; must be ", wanted));
  }
  for (std::size_t i = 0; i < job->frame.device_count; ++i) {
    if (Status device = CheckDevice(*job, i); !device.ok()) return device.error();
  }
  job->frame.memory_bytes -= job->frame.memory_bytes % kMemoryUnit;
  return job;
}

}  // namespace summon::hypervisor
