// SPDX-License-Identifier: Apache-2.0
#pragma once
// The job a monitor gets, checked.
//
// The launcher is trusted more than a guest, but a monitor started by hand, by another version or
// by a mistake must say what is wrong instead of booting something else. CheckJob() is pure.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

inline constexpr std::uint16_t kMtuMin = 68;      // RFC 791: every IPv4 link carries this
inline constexpr std::uint16_t kMtuMax = 65'521;  // a frame with its header fits 16 bits

// A job frame whose every field has been checked. Device parameters that the image has a say in
// are checked again when they are attached (AttachDevices).
struct Job {
  JobFrame frame;  // as UnpackJob() filled it

  bool has(JobFlags flag) const { return (frame.flags & flag) != 0; }
  bool has_kvm() const { return has(kJobHasKvm); }
  bool check_only() const { return has(kJobCheckOnly); }
  std::span<const JobDevice> devices() const { return {frame.devices, frame.device_count}; }
  std::string_view command_line() const { return frame.command_line; }

  // Positions in the list of descriptors that came with the frame.
  static constexpr std::size_t kImage = 0;
  static constexpr std::size_t kConsole = 1;
  // Flags that bring a descriptor each, in this order.
  static constexpr std::uint32_t kWithDescriptor =
      kJobHasKvm | kJobLayOut | kJobRestore | kJobSnapshots | kJobCoreFile;
  // Of the descriptor that `flag` brought; the job has the flag.
  std::size_t position(JobFlags flag) const {
    return kConsole + 1 +
           static_cast<std::size_t>(std::popcount(frame.flags & kWithDescriptor & (flag - 1u)));
  }
  std::size_t first_device() const {
    return kConsole + 1 + static_cast<std::size_t>(std::popcount(frame.flags & kWithDescriptor));
  }
};

// The job in `packed` (packed_job.h), which came with `descriptor_count` descriptors. memory_bytes
// is rounded down to a multiple of 2 MiB, as Solo5's own tenders do. On the heap: a job has 15 KiB,
// which a waiting monitor would hold as stack.
//
// Errors: kInvalid, naming the field, its value and the limit.
Result<std::unique_ptr<Job>> CheckJob(Bytes packed, std::size_t descriptor_count);

}  // namespace summon::hypervisor
