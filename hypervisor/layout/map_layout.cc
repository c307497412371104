// SPDX-License-Identifier: Apache-2.0
// From a layout to guest memory: a few mappings, nothing copied.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "hypervisor/arch/x86_64/layout.h"
#include "hypervisor/layout/layout.h"

namespace summon::hypervisor {

namespace {

using Access = GuestMapping::Access;

// Of the stack, which grows down from the end of memory: every guest uses it at once.
constexpr std::uint64_t kStackPopulated = 4 * kPageSize;
// Images are small; of a very large one only this much is backed ahead of its first touch.
constexpr std::uint64_t kImagePopulatedMax = 2ull << 20;
// Guests with this much memory are expected to use it.
constexpr std::uint64_t kHugePagesFrom = 64ull << 20;

// The segments from `first` on that one mapping can show, as if they were one: neighbours in guest
// memory and in the file, with the same right to write. Each mapping takes some microseconds.
LayoutSegment Joined(const LayoutHeader& layout, std::size_t first, std::size_t& next) {
  LayoutSegment joined = layout.segments[first];
  for (next = first + 1; next < layout.segment_count; ++next) {
    const LayoutSegment& more = layout.segments[next];
    const std::uint64_t size = joined.content_end - joined.begin;
    if (joined.content_end != joined.end || more.begin != joined.end ||
        more.writable != joined.writable || more.file_offset != joined.file_offset + size) {
      break;
    }
    joined.content_end = more.content_end;
    joined.end = more.end;
  }
  return joined;
}

Status MapSegment(int file, const LayoutSegment& segment, GuestMapping& mapping,
                  GuestMemory& memory) {
  const Access access = segment.writable != 0 ? Access::kReadWrite : Access::kRead;
  if (segment.begin < segment.content_end) {
    const GuestRange content{segment.begin, segment.content_end};
    SUMMON_TRY(mapping.MapFile({file, segment.file_offset}, content, access));
    mapping.Populate({content.begin, std::min(content.end, content.begin + kImagePopulatedMax)},
                     access);
  }
  if (segment.writable != 0) return Ok();
  if (segment.content_end < segment.end) {
    SUMMON_TRY(mapping.WriteProtect({segment.content_end, segment.end}));
  }
  return memory.AddReadOnly({segment.begin, segment.end});
}

// Descriptors, page tables, shim and boot information: all are looked at in the first
// microseconds. What is written there gets copies of its own at once.
Status MapLow(const MapPlan& plan, GuestMapping& mapping) {
  const std::uint64_t offset = plan.layout.low_offset[static_cast<std::size_t>(plan.ring)];
  SUMMON_TRY(mapping.MapFile({plan.file, offset}, {0, plan.layout.low_bytes}, Access::kReadWrite));
  mapping.Populate({kGdtAddress, plan.layout.low_bytes}, Access::kRead);
  if (plan.ring == CpuRing::kRing3) {
    mapping.Populate({kShimStackAddress, kShimStackEnd}, Access::kReadWrite);
  }
  return Ok();
}

}  // namespace

Status MapLayout(const MapPlan& plan, GuestMapping& mapping, GuestMemory& memory) {
  const LayoutHeader& layout = plan.layout;
  SUMMON_TRY(mapping.Commit(layout.memory_bytes));
  memory = GuestMemory(mapping.bytes());
  SUMMON_TRY(MapLow(plan, mapping));
  SUMMON_TRY(memory.AddReadOnly({0, kImageFloor}));
  for (std::size_t i = 0; i < layout.segment_count;) {
    std::size_t next = i;
    const LayoutSegment joined = Joined(layout, i, next);
    SUMMON_TRY(MapSegment(plan.file, joined, mapping, memory));
    i = next;
  }
  const std::uint64_t top = layout.memory_bytes;
  // Not the last unit: the stack's few pages are there.
  if (top >= kHugePagesFrom) mapping.PreferHugePages({layout.image_end, top - kMemoryUnit});
  mapping.Populate({std::max(layout.image_end, top - kStackPopulated), top}, Access::kReadWrite);
  // SAFETY: boot information lies inside the low area (CheckLayout), before the guest runs.
  std::memcpy(mapping.bytes().data() + layout.boot_info + offsetof(HvtBootInfo, cpu_cycle_hz),
              &plan.tsc_hz, sizeof plan.tsc_hz);
  return Ok();
}

}  // namespace summon::hypervisor
