// SPDX-License-Identifier: Apache-2.0
// Job frames to bytes and back.
#include "hypervisor/control/packed_job.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/strings.h"

namespace summon::hypervisor {

namespace {

constexpr std::size_t kFrontBytes = offsetof(JobFrame, devices);

Error Invalid(std::string message) {
  return Error(ErrorCode::kInvalid, StrCat("job: ", std::move(message)));
}

Status CheckFront(const JobFrame& frame) {
  if (frame.magic != kProtocolMagic) return Invalid(StrCat("wrong magic ", Hex(frame.magic)));
  if (frame.version != kProtocolVersion) {
    return Invalid(StrCat("protocol version ", frame.version, "; this monitor speaks ",
                          kProtocolVersion, " (is the installation mixed?)"));
  }
  if (frame.device_count > kDevicesMax) {
    return Invalid(StrCat(frame.device_count, " devices; at most ", kDevicesMax));
  }
  return Ok();
}

}  // namespace

std::vector<std::uint8_t> PackJob(const JobFrame& frame) {
  const std::size_t devices = std::min<std::size_t>(frame.device_count, kDevicesMax);
  const std::size_t front = kFrontBytes + devices * sizeof(JobDevice);
  const std::size_t text = strnlen(frame.command_line, sizeof frame.command_line - 1);
  std::vector<std::uint8_t> packed(front + text + 1);            // and its NUL
  std::memcpy(packed.data(), &frame, front);                     // trivially copyable
  std::memcpy(packed.data() + front, frame.command_line, text);
  return packed;
}

Status UnpackJob(Bytes packed, JobFrame& frame) {
  if (packed.size() < kFrontBytes) {
    return Invalid(StrCat("a frame of ", packed.size(), " bytes; its front has ", kFrontBytes));
  }
  // SAFETY: JobFrame is trivially copyable, every bit pattern is one, and the size was looked at.
  std::memcpy(&frame, packed.data(), kFrontBytes);
  SUMMON_TRY(CheckFront(frame));
  const std::size_t device_bytes = frame.device_count * sizeof(JobDevice);
  const Bytes rest = packed.subspan(kFrontBytes);
  if (rest.size() <= device_bytes || rest.size() - device_bytes > sizeof frame.command_line) {
    const std::size_t front = kFrontBytes + device_bytes;
    return Invalid(StrCat("a frame of ", packed.size(), " bytes; with ", frame.device_count,
                          " devices it must be ", front + 1, "..",
                          front + sizeof frame.command_line));
  }
  std::memcpy(frame.devices, rest.data(), device_bytes);
  const Bytes text = rest.subspan(device_bytes);
  std::memcpy(frame.command_line, text.data(), text.size());
  if (std::memchr(text.data(), '\0', text.size()) == nullptr) {
    return Invalid("the command line does not end");
  }
  return Ok();
}

}  // namespace summon::hypervisor
