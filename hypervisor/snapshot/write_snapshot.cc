// SPDX-License-Identifier: Apache-2.0
// Taking a snapshot, inside the closed sandbox: one kind of system call, nothing allocated.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hypervisor/snapshot/snapshot.h"

namespace summon::hypervisor {

namespace {

bool IsZero(Bytes page) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < kPageSize; i += sizeof all) {
    std::uint64_t word;
    std::memcpy(&word, page.data() + i, sizeof word);
    all |= word;
    if (all != 0) return false;
  }
  return true;
}

// All of `bytes` at `offset`; 0, or the errno (EIO when the file takes no more).
int WriteAt(int file, std::uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t size = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size < 0 ? errno : EIO;
    offset += static_cast<std::uint64_t>(size);
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return 0;
}

SnapshotWriter::Written Failed(int error_number) {
  Detail detail("take a snapshot: write failed with errno ");
  detail.AddNumber(static_cast<std::uint64_t>(error_number));
  return {0, detail};
}

}  // namespace

SnapshotWriter::SnapshotWriter(const LayoutHeader& layout, CpuRing ring, int file)
    : layout_(layout), file_(file), header_(std::make_unique_for_overwrite<SnapshotHeader>()) {
  header_->run_count = 0;
  std::memcpy(header_->magic, kSnapshotMagic, sizeof header_->magic);
  header_->version = kSnapshotVersion;
  header_->ring = static_cast<std::uint32_t>(ring);
  header_->memory_bytes = layout.memory_bytes;
  header_->entry = layout.entry;
  header_->image_end = layout.image_end;
}

void SnapshotWriter::AddPage(std::uint64_t page) {
  std::uint64_t& count = header_->run_count;
  // A run goes on over a gap when there is no room for another.
  if (count > 0 && (header_->runs[count - 1].end == page || count == kSnapshotRunsMax)) {
    header_->runs[count - 1].end = page + kPageSize;
    return;
  }
  header_->runs[count++] = {page, page + kPageSize};
}

void SnapshotWriter::FindRuns(Bytes memory) {
  header_->run_count = 0;
  std::size_t next = 0;  // the segment that holds `page`, or the next one
  for (std::uint64_t page = 0; page < memory.size(); page += kPageSize) {
    while (next < layout_.segment_count && layout_.segments[next].end <= page) ++next;
    const LayoutSegment* segment = nullptr;
    if (next < layout_.segment_count && layout_.segments[next].begin <= page) {
      segment = &layout_.segments[next];
    }
    if (segment != nullptr && segment->writable == 0) {
      page = segment->end - kPageSize;  // the layout has it
      continue;
    }
    // Where the layout has content a page of zeroes is news too.
    const bool over_content =
        page < layout_.low_bytes || (segment != nullptr && page < segment->content_end);
    if (over_content || !IsZero(memory.subspan(page, kPageSize))) AddPage(page);
  }
}

SnapshotWriter::Written SnapshotWriter::Write(const GuestMemory& memory, const GuestState& state) {
  header_->poll_argument = state.poll.argument;
  header_->poll_deadline_nanos = ToNanos(state.poll.deadline);
  header_->ring3 = state.ring3;
  header_->cpu = state.cpu;
  FindRuns(memory.all());
  // SAFETY: a trivially copyable header, seen as bytes, as far as it was filled.
  const Bytes header(reinterpret_cast<const std::uint8_t*>(header_.get()),
                     SnapshotHeaderBytes(header_->run_count));
  if (const int failed = WriteAt(file_, 0, header); failed != 0) return Failed(failed);
  std::uint64_t offset = kSnapshotPagesOffset;
  for (std::size_t i = 0; i < header_->run_count; ++i) {
    const SnapshotRun& run = header_->runs[i];
    const Bytes pages = memory.all().subspan(run.begin, run.end - run.begin);
    if (const int failed = WriteAt(file_, offset, pages); failed != 0) return Failed(failed);
    offset += pages.size();
  }
  return {offset, std::nullopt};
}

}  // namespace summon::hypervisor
