// SPDX-License-Identifier: Apache-2.0
#pragma once
// The guest's page tables: identity mapping with W^X.
//
//   0x0 ..                  not present: null pointers fault, the monitor's tables are out of reach
//   0x10000 .. 0x1ffff      boot area: read-only
//   .. 0xfffff              not present
//   image, text             executable, no writing
//   image, read-only data   no writing, no execution
//   everything else         writable, no execution
//
// Who refuses a write: the boot area is read-only in these tables. An image's read-only segments
// are writable in these tables and write-protected in the host's mapping (HostProtected()), so
// that such a write stops the CPU instead of raising a page fault in the guest: that is what
// Solo5's own tender does and what its tests expect, and a guest that runs in ring 0 could undo
// a bit in its own tables.
//
// Accessed and dirty bits are preset: KVM's walker would otherwise set them one by one. 2 MiB
// pages wherever all of one has the same rights; 1 GiB pages are not used (not every KVM has them).

#include <cstdint>
#include <span>

#include "base/result.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

// Whose pages the guest's are. In ring-3 mode the shim's pages are the supervisor's, mapped too.
enum class PageOwner { kSupervisor, kUser };

struct PagePlan {
  std::span<const Segment> segments;  // of the image; ascending, sharing no page
  PageOwner owner = PageOwner::kSupervisor;
};

// Writes the tables for all of `memory` at the addresses of layout.h.
//
// Errors: kExhausted when the image has so many pieces that its 4 KiB tables do not fit.
Status BuildPageTables(const GuestMemory& memory, const PagePlan& plan);

// Pages of the image that nobody may write.
inline bool HostProtected(const Segment& segment) {
  return !segment.writable && segment.page_end() > segment.page_begin();
}
inline GuestRange PagesOf(const Segment& segment) {
  return {segment.page_begin(), segment.page_end()};
}

}  // namespace summon::hypervisor
