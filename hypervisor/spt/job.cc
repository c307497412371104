// SPDX-License-Identifier: Apache-2.0
// Checks the job frame. The starter is trusted to mean well; the check catches a mixed
// installation, and is pure but for the descriptors it moves.
#include "hypervisor/spt/job.h"

#include <cstring>
#include <utility>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

constexpr std::size_t kImageAndConsole = 2;

Error Invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

Status CheckFrame(const JobFrame& frame) {
  if (frame.magic != kProtocolMagic) {
    return Invalid(StrCat("the job's magic is ", Hex(frame.magic), "; must be ",
                          Hex(kProtocolMagic)));
  }
  if (frame.version != kProtocolVersion) {
    return Invalid(StrCat("the job's protocol version is ", frame.version, "; must be ",
                          kProtocolVersion, " (summon-spt and its launcher differ)"));
  }
  if ((frame.flags & ~static_cast<std::uint32_t>(kJobHasKvm | kJobCheckOnly)) != 0) {
    return Invalid(StrCat("the job has unknown flags ", Hex(frame.flags)));
  }
  if (frame.device_count > kDevicesMax) {
    return Invalid(StrCat("the job has ", frame.device_count, " devices; at most ", kDevicesMax));
  }
  if (strnlen(frame.command_line, kCommandLineSize) == kCommandLineSize) {
    return Invalid(StrCat("the job's command line has no end within ", kCommandLineSize,
                          " bytes"));
  }
  return Ok();
}

}  // namespace

Result<SptJob> TakeJob(Packet packet) {
  if (packet.bytes.size() != sizeof(JobFrame)) {
    return Invalid(StrCat("the job has ", packet.bytes.size(), " bytes; must have ",
                          sizeof(JobFrame), " (summon-spt and its launcher differ)"));
  }
  SptJob job;
  job.frame = std::make_unique<JobFrame>();
  std::memcpy(job.frame.get(), packet.bytes.data(), sizeof(JobFrame));
  SUMMON_TRY(CheckFrame(*job.frame));

  const std::size_t kvm = (job.frame->flags & kJobHasKvm) != 0 ? 1 : 0;
  const std::size_t before_devices = kImageAndConsole + kvm;  // /dev/kvm is not for us
  const std::size_t wanted = before_devices + job.frame->device_count;
  if (packet.fds.size() != wanted) {
    return Invalid(StrCat("the job brings ", packet.fds.size(), " descriptors; must bring ",
                          wanted));
  }
  job.image = std::move(packet.fds[0]);
  job.console = std::move(packet.fds[1]);
  for (std::size_t i = before_devices; i < wanted; ++i) {
    job.devices.push_back(std::move(packet.fds[i]));
  }
  return job;
}

}  // namespace summon::hypervisor
