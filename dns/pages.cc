// SPDX-License-Identifier: Apache-2.0
// Mapping and giving back, with large pages for large tables.
#include "dns/pages.h"

#include <sys/mman.h>

#include "base/check.h"

namespace summon::dns {

namespace {

// Below this a large page would waste more than it saves.
constexpr std::size_t kHugeAbove = 8 * 1024 * 1024;

}  // namespace

Pages::Pages(std::size_t size) : size_(size) {
  if (size == 0) return;
  // SAFETY: a mapping of nobody else's memory, owned by this object until its end.
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SUMMON_CHECK(mapped != MAP_FAILED);
  data_ = static_cast<std::uint8_t*>(mapped);
  // A table that is read all over costs a miss of the TLB for each look-up with small pages.
  if (size >= kHugeAbove) (void)madvise(mapped, size, MADV_HUGEPAGE);  // only a help
}

Pages::~Pages() {
  if (data_) (void)munmap(data_, size_);  // cannot fail for a mapping of ours
}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace summon::dns
