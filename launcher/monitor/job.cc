// SPDX-License-Identifier: Apache-2.0
// Filling the job frame.
#include "launcher/monitor/job.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "launcher/tap/tap.h"

namespace summon::launcher {

using hypervisor::DeviceType;
using hypervisor::JobDevice;
using hypervisor::JobFrame;

namespace {

constexpr std::uint32_t kSectorBytesMin = 512;
constexpr std::uint32_t kSectorBytesMax = 32 * 1024;  // the manifest's field has 16 bits

Status CheckDeviceName(const std::string& name) {
  if (!name.empty() && name.size() < hypervisor::kDeviceNameSize) return Ok();
  return Error(ErrorCode::kInvalid,
               StrCat("device name ", Quote(name), " has ", name.size(), " characters; must be 1..",
                      hypervisor::kDeviceNameSize - 1));
}

Status CheckBlock(const BlockOrder& block) {
  SUMMON_TRY(CheckDeviceName(block.name));
  if (!block.file.valid()) {
    return Error(ErrorCode::kInvalid, StrCat("block device ", Quote(block.name), " has no file"));
  }
  const std::uint32_t size = block.sector_size;
  if (size < kSectorBytesMin || size > kSectorBytesMax || (size & (size - 1)) != 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("sector size of block device ", Quote(block.name), " is ", size,
                        "; must be a power of two from ", kSectorBytesMin, " to ",
                        kSectorBytesMax));
  }
  return Ok();
}

Result<std::uint64_t> FileSize(const BlockOrder& block) {
  // Not fstat: a block device has its size at the end only. Readers and writers use offsets of
  // their own, so moving the shared position harms nobody.
  const off_t end = lseek(block.file.get(), 0, SEEK_END);
  if (end < 0) return ErrnoError(StrCat("read size of ", block.path), errno);
  return static_cast<std::uint64_t>(end);
}

Result<std::uint64_t> Capacity(const BlockOrder& block) {
  const std::uint64_t size = SUMMON_TRY(FileSize(block));
  if (size == 0 || size % block.sector_size != 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("block device ", Quote(block.name), ": ", block.path, " has ", size,
                        " bytes; must be a multiple of ", block.sector_size, ", and not 0"));
  }
  return size;
}

template <std::size_t Size>
void CopyText(char (&into)[Size], const std::string& text) {
  SUMMON_CHECK(text.size() < Size);
  std::memcpy(into, text.data(), text.size());
}

}  // namespace

Status CheckOrder(const LaunchOrder& order) {
  const auto invalid = [](std::string text) { return Error(ErrorCode::kInvalid, std::move(text)); };
  if (order.service.empty()) return invalid("the order names no service");
  if (order.images.empty()) return invalid("the order has no image");
  if (order.images.size() > kKinds) return invalid("the order has more images than kinds");
  for (const ImageFile& image : order.images) {
    if (!image.file.valid()) return invalid(StrCat("image ", Quote(image.path), " is not open"));
  }
  if (order.command_line.size() >= hypervisor::kCommandLineSize) {
    return invalid(StrCat("the command line has ", order.command_line.size(),
                          " bytes; at most ", hypervisor::kCommandLineSize - 1));
  }
  if (order.command_line.find('\0') != std::string::npos) {
    return invalid("the command line has a zero byte");
  }
  if (order.memory_mib == 0 || order.memory_mib > kMemoryMibMax) {
    return invalid(StrCat("memory is ", order.memory_mib, " MiB; must be 1..", kMemoryMibMax));
  }
  if (order.nets.size() > 1) {
    return invalid(StrCat("the order has ", order.nets.size(), " net devices; at most 1"));
  }
  if (order.nets.size() + order.blocks.size() > hypervisor::kDevicesMax) {
    return invalid(StrCat("the order has ", order.nets.size() + order.blocks.size(),
                          " devices; at most ", hypervisor::kDevicesMax));
  }
  for (const NetOrder& net : order.nets) SUMMON_TRY(CheckDeviceName(net.name));
  for (const BlockOrder& block : order.blocks) SUMMON_TRY(CheckBlock(block));
  return Ok();
}

hypervisor::FrameCheck FrameCheckOf(SpoofCheck check) {
  switch (check) {
    case SpoofCheck::kAddress: break;
    case SpoofCheck::kMac: return hypervisor::FrameCheck::kMac;
    case SpoofCheck::kOff: return hypervisor::FrameCheck::kOff;
  }
  return hypervisor::FrameCheck::kAddress;
}

MacAddress GuestMac(const LaunchOrder& order) {
  if (!order.nets.empty() && order.nets.front().mac) return *order.nets.front().mac;
  return DeriveGuestMac(order.service);
}

Result<std::unique_ptr<JobFrame>> BuildFrame(const LaunchOrder& order) {
  auto built = std::make_unique<JobFrame>();
  JobFrame& frame = *built;
  frame.magic = hypervisor::kProtocolMagic;
  frame.version = hypervisor::kProtocolVersion;
  frame.memory_bytes = std::uint64_t{order.memory_mib} << 20;
  CopyText(frame.command_line, order.command_line);
  for (const NetOrder& net : order.nets) {
    JobDevice& device = frame.devices[frame.device_count++];
    CopyText(device.name, net.name);
    device.type = DeviceType::kNet;
    const MacAddress mac = GuestMac(order);
    std::copy(mac.octets.begin(), mac.octets.end(), device.mac);
    device.mtu = kTapMtu;
    device.frame_check = FrameCheckOf(net.spoof_check);
    std::copy(order.address.octets.begin(), order.address.octets.end(), device.ipv4);
  }
  for (const BlockOrder& block : order.blocks) {
    JobDevice& device = frame.devices[frame.device_count++];
    CopyText(device.name, block.name);
    device.type = DeviceType::kBlock;
    device.sector_size = block.sector_size;
    device.read_only = block.read_only ? 1 : 0;
    device.capacity = SUMMON_TRY(Capacity(block));
  }
  return built;
}

Status CheckBlockFiles(const LaunchOrder& order, const JobFrame& frame) {
  std::size_t device = order.nets.size();
  for (const BlockOrder& block : order.blocks) {
    const std::uint64_t capacity = frame.devices[device++].capacity;
    const std::uint64_t size = SUMMON_TRY(FileSize(block));
    if (size >= capacity) continue;
    return Error(ErrorCode::kInvalid,
                 StrCat("block device ", Quote(block.name), ": ", block.path, " has ", size,
                        " bytes; it had ", capacity,
                        " when the service was prepared (restore it, or reload the service)"));
  }
  return Ok();
}

std::vector<int> JobDescriptors(const LaunchOrder& order, const JobEnds& ends,
                                std::uint32_t& flags) {
  std::vector<int> fds = {ends.image, ends.console};
  if (ends.restore >= 0) {
    flags |= hypervisor::kJobRestore;
    fds.push_back(ends.restore);
  }
  if (ends.snapshots >= 0) {
    flags |= hypervisor::kJobSnapshots;
    fds.push_back(ends.snapshots);
  }
  for (std::size_t i = 0; i < order.nets.size(); ++i) fds.push_back(ends.tap);
  for (const BlockOrder& block : order.blocks) fds.push_back(block.file.get());
  return fds;
}

}  // namespace summon::launcher
