// SPDX-License-Identifier: Apache-2.0
// Checking layouts.
#include "hypervisor/layout/layout.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "hypervisor/layout/format.h"

namespace summon::hypervisor {

namespace {

Error Invalid(std::string message) {
  return Error(ErrorCode::kInvalid, StrCat("layout: ", std::move(message)));
}

bool Aligned(std::uint64_t value) { return value % kPageSize == 0; }

// Whether `size` bytes at `offset` lie in a file of `file_bytes`, on page borders.
struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
bool InFile(const FileRange& range, std::uint64_t file_bytes) {
  return Aligned(range.offset) && range.offset <= file_bytes &&
         range.size <= file_bytes - range.offset;
}

Status CheckSegments(const LayoutHeader& header, std::uint64_t file_bytes) {
  std::uint64_t floor = kImageFloor;
  for (std::size_t i = 0; i < header.segment_count; ++i) {
    const LayoutSegment& segment = header.segments[i];
    const bool placed = segment.begin >= floor && segment.begin <= segment.content_end &&
                        segment.content_end <= segment.end && segment.begin < segment.end &&
                        segment.end < header.memory_bytes && Aligned(segment.begin) &&
                        Aligned(segment.content_end) && Aligned(segment.end);
    if (!placed) return Invalid(StrCat("segment ", i, " lies at no place for one"));
    if (!InFile({segment.file_offset, segment.content_end - segment.begin}, file_bytes)) {
      return Invalid(StrCat("segment ", i, " reaches beyond the file of ", file_bytes, " bytes"));
    }
    if (segment.writable > 1 || segment.executable > 1 ||
        (segment.writable == 1 && segment.executable == 1)) {
      return Invalid(StrCat("segment ", i, " has impossible rights"));
    }
    floor = segment.end;
  }
  return Ok();
}

Status CheckHandles(const LayoutHeader& header) {
  std::uint64_t seen = 1;  // 0 is never a device
  for (std::size_t i = 0; i < header.device_count; ++i) {
    const std::uint32_t handle = header.handles[i];
    if (handle >= kManifestEntriesMax || (seen >> handle & 1) != 0) {
      return Invalid(StrCat("device ", i, " has the handle ", handle));
    }
    seen |= std::uint64_t{1} << handle;
  }
  return Ok();
}

}  // namespace

Status CheckLayout(const LayoutHeader& header, std::uint64_t file_bytes, const Job& job) {
  if (std::memcmp(header.magic, kLayoutMagic, sizeof header.magic) != 0) {
    return Invalid("the file is none");
  }
  if (header.version != kLayoutVersion) {
    return Invalid(StrCat("version ", header.version, "; must be ", kLayoutVersion));
  }
  if (header.memory_bytes != job.frame.memory_bytes ||
      header.device_count != job.frame.device_count) {
    return Invalid(StrCat("made for ", header.memory_bytes, " bytes of memory and ",
                          header.device_count, " devices; the job has ", job.frame.memory_bytes,
                          " and ", job.frame.device_count));
  }
  if (header.segment_count == 0 || header.segment_count > kProgramHeadersMax) {
    return Invalid(StrCat(header.segment_count, " segments; must be 1..", kProgramHeadersMax));
  }
  for (const std::uint64_t offset : header.low_offset) {
    if (!InFile({offset, header.low_bytes}, file_bytes)) return Invalid("low memory is cut off");
  }
  if (!Aligned(header.low_bytes) || header.low_bytes > kImageFloor ||
      header.low_bytes <= kBootInfoHvt || header.boot_info != kBootInfoHvt) {
    return Invalid("low memory has an impossible size");
  }
  if (header.image_end < kImageFloor || header.image_end > header.memory_bytes) {
    return Invalid(StrCat("the image ends at ", Hex(header.image_end)));
  }
  if (header.entry < kImageFloor || header.entry >= header.memory_bytes) {
    return Invalid(StrCat("entry point ", Hex(header.entry)));
  }
  SUMMON_TRY(CheckSegments(header, file_bytes));
  return CheckHandles(header);
}

Result<LayoutHeader> ReadLayout(int file, const Job& job) {
  LayoutHeader header;
  // SAFETY: every bit pattern is a LayoutHeader; CheckLayout() looks at each field.
  const ssize_t size = pread(file, &header, sizeof header, 0);
  if (size < 0) return ErrnoError("layout: read", errno);
  if (size != sizeof header) return Invalid("the file is too short");
  struct stat status {};
  if (syscall(SYS_fstat, file, &status) != 0) return ErrnoError("layout: size", errno);
  SUMMON_TRY(CheckLayout(header, static_cast<std::uint64_t>(status.st_size), job));
  return header;
}

}  // namespace summon::hypervisor
