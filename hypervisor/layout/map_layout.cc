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
// Guests with this much memory are expected to use it.
constexpr std::uint64_t kHugePagesFrom = 64ull << 20;
constexpr std::uint64_t kLowPopulated = kBootInfoHvt + kPageSize;
// Images are small; of a very large one only this much is backed ahead of its first touch.
constexpr std::uint64_t kImagePopulatedMax = 2ull << 20;

Status MapSegment(const MapPlan& plan, const LayoutSegment& segment, GuestMapping& mapping,
                  GuestMemory& memory) {
  const Access access = segment.writable != 0 ? Access::kReadWrite : Access::kRead;
  if (segment.begin < segment.content_end) {
    const GuestRange content{segment.begin, segment.content_end};
    SUMMON_TRY(mapping.MapFile({plan.file, segment.file_offset}, content, access));
    mapping.Populate({content.begin, std::min(content.end, content.begin + kImagePopulatedMax)},
                     access);
  }
  if (segment.writable != 0) return Ok();
  if (segment.content_end < segment.end) {
    SUMMON_TRY(mapping.WriteProtect({segment.content_end, segment.end}));
  }
  return memory.AddReadOnly({segment.begin, segment.end});
}

}  // namespace

Status MapLayout(const MapPlan& plan, GuestMapping& mapping, GuestMemory& memory) {
  const LayoutHeader& layout = plan.layout;
  SUMMON_TRY(mapping.Commit(layout.memory_bytes));
  memory = GuestMemory(mapping.bytes());
  SUMMON_TRY(mapping.MapFile({plan.file, layout.low_offset[static_cast<std::size_t>(plan.ring)]},
                             {0, layout.low_bytes}, Access::kReadWrite));
  // The CPU's own tables, the shim's stack and the boot information: all are looked at in the
  // first microseconds, and some are written.
  mapping.Populate({kGdtAddress, std::min(layout.low_bytes, kLowPopulated)}, Access::kReadWrite);
  SUMMON_TRY(memory.AddReadOnly({0, kImageFloor}));
  for (std::size_t i = 0; i < layout.segment_count; ++i) {
    SUMMON_TRY(MapSegment(plan, layout.segments[i], mapping, memory));
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
