// SPDX-License-Identifier: Apache-2.0
// Checking a snapshot and putting it into memory.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "hypervisor/snapshot/snapshot.h"

namespace summon::hypervisor {

namespace {

Error Invalid(std::string message) {
  return Error(ErrorCode::kInvalid, StrCat("snapshot: ", std::move(message)));
}

// Whether `header` is one of ours at all, and how many runs are to be read.
Status CheckFront(const SnapshotHeader& header) {
  if (std::memcmp(header.magic, kSnapshotMagic, sizeof header.magic) != 0) {
    return Invalid("the file is none");
  }
  if (header.version != kSnapshotVersion) {
    return Invalid(StrCat("version ", header.version, "; must be ", kSnapshotVersion));
  }
  if (header.run_count > kSnapshotRunsMax) {
    return Invalid(StrCat(header.run_count, " runs; at most ", kSnapshotRunsMax));
  }
  return Ok();
}

bool OverlapsReadOnly(const LayoutHeader& layout, const SnapshotRun& run) {
  for (std::size_t i = 0; i < layout.segment_count; ++i) {
    const LayoutSegment& segment = layout.segments[i];
    if (segment.writable == 0 && run.begin < segment.end && segment.begin < run.end) return true;
  }
  return false;
}

Status CheckRuns(const SnapshotHeader& header, std::uint64_t file_bytes,
                 const LayoutHeader& layout) {
  std::uint64_t floor = 0;
  std::uint64_t needed = kSnapshotPagesOffset;
  for (std::size_t i = 0; i < header.run_count; ++i) {
    const SnapshotRun& run = header.runs[i];
    if (run.begin % kPageSize != 0 || run.end % kPageSize != 0 || run.begin < floor ||
        run.begin >= run.end || run.end > layout.memory_bytes || OverlapsReadOnly(layout, run)) {
      return Invalid(StrCat("run ", i, " lies at no place for one"));
    }
    floor = run.end;
    needed += run.end - run.begin;  // ascending and below memory_bytes: no overflow
  }
  if (file_bytes < needed) {
    return Invalid(StrCat("the file has ", file_bytes, " bytes; its pages need ", needed));
  }
  return Ok();
}

// All of `into` from `offset`.
Status ReadAt(int file, std::uint64_t offset, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t size = pread(file, into.data(), into.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoError("snapshot: read", errno);
    if (size == 0) return Invalid("the file ends early");
    offset += static_cast<std::uint64_t>(size);
    into = into.subspan(static_cast<std::size_t>(size));
  }
  return Ok();
}

}  // namespace

Status CheckSnapshot(const SnapshotHeader& header, std::uint64_t file_bytes,
                     const LayoutHeader& layout, CpuRing ring) {
  SUMMON_TRY(CheckFront(header));
  if (header.ring != static_cast<std::uint32_t>(ring)) {
    return Invalid("it was taken in the other guest mode");
  }
  if (header.memory_bytes != layout.memory_bytes || header.entry != layout.entry ||
      header.image_end != layout.image_end) {
    return Invalid("it was taken of another image or memory size");
  }
  return CheckRuns(header, file_bytes, layout);
}

Result<std::unique_ptr<SnapshotHeader>> ReadSnapshot(int file, const LayoutHeader& layout,
                                                     CpuRing ring) {
  // Not cleared: what lies behind run_count runs is never looked at.
  auto header = std::make_unique_for_overwrite<SnapshotHeader>();
  // SAFETY: every bit pattern is a SnapshotHeader; CheckSnapshot() looks at each field.
  auto* const bytes = reinterpret_cast<std::uint8_t*>(header.get());
  SUMMON_TRY(ReadAt(file, 0, {bytes, SnapshotHeaderBytes(0)}));
  SUMMON_TRY(CheckFront(*header));
  SUMMON_TRY(ReadAt(file, SnapshotHeaderBytes(0),
                    {bytes + SnapshotHeaderBytes(0),
                     SnapshotHeaderBytes(header->run_count) - SnapshotHeaderBytes(0)}));
  struct stat status {};
  if (syscall(SYS_fstat, file, &status) != 0) return ErrnoError("snapshot: size", errno);
  SUMMON_TRY(CheckSnapshot(*header, static_cast<std::uint64_t>(status.st_size), layout, ring));
  return header;
}

Status RestoreMemory(const SnapshotHeader& header, int file, RestoreMode mode,
                     GuestMapping& mapping) {
  std::uint64_t offset = kSnapshotPagesOffset;
  for (std::size_t i = 0; i < header.run_count; ++i) {
    const SnapshotRun& run = header.runs[i];
    const std::uint64_t size = run.end - run.begin;
    if (mode == RestoreMode::kCopy) {
      SUMMON_TRY(ReadAt(file, offset, mapping.bytes().subspan(run.begin, size)));
    } else {
      SUMMON_TRY(mapping.MapFile({file, offset}, {run.begin, run.end},
                                 GuestMapping::Access::kReadWrite));
    }
    offset += size;
  }
  return Ok();
}

GuestState StateOf(const SnapshotHeader& header) {
  return {header.cpu,
          header.ring3,
          {header.poll_argument, InstantFromNanos(header.poll_deadline_nanos)}};
}

}  // namespace summon::hypervisor
