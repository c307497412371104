// SPDX-License-Identifier: Apache-2.0
// Headers of layouts and snapshots from the input. Input: a byte that says how long the file
// pretends to be (in pages of 64 KiB), then bytes laid over a sound header of each.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "hypervisor/layout/format.h"
#include "hypervisor/layout/layout.h"
#include "hypervisor/snapshot/snapshot.h"

namespace h = summon::hypervisor;

namespace {

h::LayoutHeader SoundLayout() {
  h::LayoutHeader layout{};
  std::memcpy(layout.magic, h::kLayoutMagic, sizeof layout.magic);
  layout.version = h::kLayoutVersion;
  layout.segment_count = 2;
  layout.memory_bytes = 4u << 20;
  layout.entry = 0x100000;
  layout.image_end = 0x103000;
  layout.boot_info = h::kBootInfoHvt;
  layout.low_bytes = 0x12000;
  layout.low_offset[0] = 0x1000;
  layout.low_offset[1] = 0x13000;
  layout.segments[0] = {0x100000, 0x101000, 0x101000, 0x25000, 0, 1};
  layout.segments[1] = {0x101000, 0x102000, 0x103000, 0x26000, 1, 0};
  return layout;
}

template <typename Header>
void LayOver(Header& header, const std::uint8_t* data, std::size_t size) {
  // SAFETY: the headers are trivially copyable; every bit pattern is one.
  std::memcpy(reinterpret_cast<std::uint8_t*>(&header), data, std::min(size, sizeof header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint64_t file_bytes = std::uint64_t{data[0]} << 16;
  h::Job job;
  job.frame.memory_bytes = 4u << 20;
  h::LayoutHeader layout = SoundLayout();
  LayOver(layout, data + 1, size - 1);
  if (h::CheckLayout(layout, file_bytes, job).ok()) {
    for (std::size_t i = 0; i < layout.segment_count; ++i) {
      const h::LayoutSegment& segment = layout.segments[i];
      if (segment.end > job.frame.memory_bytes || segment.begin < h::kImageFloor) std::abort();
      const std::uint64_t content = segment.content_end - segment.begin;
      if (segment.file_offset + content > file_bytes) std::abort();
    }
    if (layout.low_bytes > h::kImageFloor) std::abort();
  }

  const h::LayoutHeader sound = SoundLayout();
  auto snapshot = std::make_unique<h::SnapshotHeader>();
  std::memcpy(snapshot->magic, h::kSnapshotMagic, sizeof snapshot->magic);
  snapshot->version = h::kSnapshotVersion;
  snapshot->memory_bytes = sound.memory_bytes;
  snapshot->entry = sound.entry;
  snapshot->image_end = sound.image_end;
  // The CPU's state is opaque here: what follows it is what is checked.
  const std::size_t counts = offsetof(h::SnapshotHeader, run_count);
  // SAFETY: the header is trivially copyable, and the bytes laid over it end with it.
  std::memcpy(reinterpret_cast<std::uint8_t*>(snapshot.get()) + counts, data + 1,
              std::min(size - 1, sizeof *snapshot - counts));
  if (!h::CheckSnapshot(*snapshot, file_bytes, sound, h::CpuRing::kRing0).ok()) return 0;
  std::uint64_t pages = h::kSnapshotPagesOffset;
  for (std::size_t i = 0; i < snapshot->run_count; ++i) {
    const h::SnapshotRun& run = snapshot->runs[i];
    if (run.end > sound.memory_bytes || run.begin >= run.end) std::abort();
    if (run.begin < 0x101000 && run.end > 0x100000) std::abort();  // text
    pages += run.end - run.begin;
  }
  if (pages > file_bytes) std::abort();
  return 0;
}
