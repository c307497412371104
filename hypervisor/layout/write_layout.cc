// SPDX-License-Identifier: Apache-2.0
// Laying an image out: guest memory is built as for a boot, then written to the file.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "hypervisor/abi/boot_area.h"
#include "hypervisor/arch/x86_64/layout.h"
#include "hypervisor/arch/x86_64/page_tables.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"
#include "hypervisor/layout/format.h"
#include "hypervisor/layout/layout.h"

namespace summon::hypervisor {

namespace {

constexpr std::uint64_t RoundUp(std::uint64_t value) {
  return (value + kPageSize - 1) & ~(kPageSize - 1);
}

class LayoutWriter final {
 public:
  LayoutWriter(const GuestMapping& mapping, int file) : mapping_(mapping), file_(file) {
    std::memcpy(header_.magic, kLayoutMagic, sizeof header_.magic);
    header_.version = kLayoutVersion;
  }

  LayoutHeader& header() { return header_; }

  // The guest memory of `range`, at the end of the file; gives its offset. Pages of zeroes become
  // holes.
  Result<std::uint64_t> Append(GuestRange range) {
    const std::uint64_t offset = file_end_;
    for (std::uint64_t page = range.begin; page < range.end; page += kPageSize) {
      const Bytes bytes = mapping_.bytes().subspan(page, kPageSize);
      if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; })) {
        continue;
      }
      SUMMON_TRY(WriteAt(offset + (page - range.begin), bytes));
    }
    file_end_ = offset + (range.end - range.begin);
    return offset;
  }

  Status Finish() {
    if (ftruncate(file_, static_cast<off_t>(file_end_)) != 0) {
      return ErrnoError("layout: set size", errno);
    }
    // SAFETY: a trivially copyable header, seen as bytes.
    return WriteAt(0, {reinterpret_cast<const std::uint8_t*>(&header_), sizeof header_});
  }

 private:
  Status WriteAt(std::uint64_t offset, Bytes bytes) {
    const ssize_t size = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0) return ErrnoError("layout: write", errno);
    if (static_cast<std::size_t>(size) != bytes.size()) {
      return Error(ErrorCode::kIo, "layout: a write was cut short");
    }
    return Ok();
  }

  const GuestMapping& mapping_;
  const int file_;
  std::uint64_t file_end_ = kLayoutHeaderRoom;
  LayoutHeader header_{};
};

// Where the used part of low memory ends.
std::uint64_t LowBytes(Bytes memory) {
  std::uint64_t end = kImageFloor;
  while (end > kBootInfoHvt + kPageSize && memory[end - 1] == 0) --end;
  return RoundUp(end);
}

Status AppendSegments(const Image& image, LayoutWriter& writer) {
  LayoutHeader& header = writer.header();
  for (const Segment& segment : image.segments) {
    if (segment.page_begin() == segment.page_end()) continue;  // nothing of it is in memory
    LayoutSegment laid{};
    laid.begin = segment.page_begin();
    laid.content_end =
        segment.file_size == 0 ? laid.begin : RoundUp(segment.guest_address + segment.file_size);
    laid.end = segment.page_end();
    laid.writable = segment.writable ? 1 : 0;
    laid.executable = segment.executable ? 1 : 0;
    laid.file_offset = SUMMON_TRY(writer.Append({laid.begin, laid.content_end}));
    header.segments[header.segment_count++] = laid;
  }
  return Ok();
}

}  // namespace

Status WriteLayout(const Job& job, const Image& image, ImageSource& source,
                   const Manifest& manifest, int file) {
  const std::uint64_t size = job.frame.memory_bytes;
  GuestMapping mapping = SUMMON_TRY(GuestMapping::Create(size));
  const GuestMemory memory(mapping.bytes());
  SUMMON_TRY(LoadImage(image, source, mapping.bytes()));
  LayoutWriter writer(mapping, file);
  LayoutHeader& header = writer.header();
  header.boot_info = SUMMON_TRY(WriteBootArea({.target = Target::kHvt,
                                               .memory_bytes = size,
                                               .kernel_end = image.end,
                                               .command_line = job.command_line()},
                                              manifest, memory.window()));
  header.memory_bytes = size;
  header.entry = image.entry;
  header.image_end = image.end;
  header.device_count = job.frame.device_count;
  for (std::size_t i = 0; i < job.devices().size(); ++i) {
    const auto handle = FindDevice(manifest, job.devices()[i].name);
    SUMMON_CHECK(handle.has_value());  // AttachDevices() has seen to it
    header.handles[i] = static_cast<std::uint32_t>(*handle);
  }
  for (const CpuRing ring : {CpuRing::kRing0, CpuRing::kRing3}) {
    const bool ring3 = ring == CpuRing::kRing3;
    SUMMON_TRY(BuildPageTables(
        memory, {.segments = image.segments,
                 .owner = ring3 ? PageOwner::kUser : PageOwner::kSupervisor}));
    WriteBootGdt(memory);
    if (ring3) InstallRing3Shim(memory);
    header.low_bytes = LowBytes(mapping.bytes());
    header.low_offset[static_cast<std::size_t>(ring)] =
        SUMMON_TRY(writer.Append({0, header.low_bytes}));
  }
  SUMMON_TRY(AppendSegments(image, writer));
  return writer.Finish();
}

}  // namespace summon::hypervisor
