// SPDX-License-Identifier: Apache-2.0
#pragma once
// A layout: an image, checked once and laid out as guest memory in a sealed memory file, so that
// every boot maps it instead of parsing and copying it again.
//
//   offset 0            LayoutHeader, one page
//   low_offset[ring0]   guest memory from 0 for ring-0 mode: descriptors, page tables, boot area
//   low_offset[ring3]   the same for ring-3 mode, with the shim
//   segments            each with its file content, page aligned
//
// A layout is made for one job: the boot area holds its devices, memory size and command line. It
// is written by a monitor that runs no guest (WriteLayout), sealed by the launcher, and read by
// monitors that do (ReadLayout, MapLayout). Whoever wrote it had parsed a hostile image: so the
// header is checked again, and what lies behind it can only harm the guest that it becomes.

#include <array>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/arch/x86_64/boot_state.h"
#include "hypervisor/control/job.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

// By the position of a device in the job: its handle, which is its index in the manifest.
using DeviceHandles = std::array<std::uint32_t, kDevicesMax>;

struct LayoutSegment {
  std::uint64_t begin;        // guest addresses, page aligned
  std::uint64_t content_end;  // the file has what lies below; above is zero
  std::uint64_t end;
  std::uint64_t file_offset;  // page aligned
  std::uint32_t writable;
  std::uint32_t executable;
};

struct LayoutHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t segment_count;
  std::uint32_t device_count;
  std::uint32_t reserved;
  std::uint64_t memory_bytes;
  std::uint64_t entry;
  std::uint64_t image_end;
  std::uint64_t boot_info;
  std::uint64_t low_bytes;      // of either low area; page aligned
  std::uint64_t low_offset[2];  // by CpuRing
  std::uint32_t handles[kDevicesMax];
  LayoutSegment segments[kProgramHeadersMax];
};
inline constexpr std::size_t kLayoutHeaderRoom = kPageSize;
static_assert(sizeof(LayoutHeader) <= kLayoutHeaderRoom);

// Whether `header`, from a file of `file_bytes`, is a layout for `job`. Pure.
// Errors: kInvalid, naming the field.
Status CheckLayout(const LayoutHeader& header, std::uint64_t file_bytes, const Job& job);

// The header of the layout in `file`, checked.
Result<LayoutHeader> ReadLayout(int file, const Job& job);

// Lays `image` out into the empty memory file `file`. `manifest` is the image's with the job's
// devices attached.
Status WriteLayout(const Job& job, const Image& image, ImageSource& source,
                   const Manifest& manifest, int file);

// Makes `mapping` (reserved, nothing committed) the guest memory of a checked layout, and tells
// `memory` what the guest may not write. What the guest is sure to touch is backed at once.
struct MapPlan {
  const LayoutHeader& layout;
  int file = -1;
  CpuRing ring = CpuRing::kRing0;
  std::uint64_t tsc_hz = 0;  // what the boot area tells the guest
};
Status MapLayout(const MapPlan& plan, GuestMapping& mapping, GuestMemory& memory);

}  // namespace summon::hypervisor
