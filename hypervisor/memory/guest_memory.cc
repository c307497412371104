// SPDX-License-Identifier: Apache-2.0
// Mapping guest memory, and the list of what a guest may not write.
#include "hypervisor/memory/guest_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"

namespace summon::hypervisor {

Status GuestMemory::AddReadOnly(GuestRange range) {
  if (read_only_count_ == read_only_.size()) {
    return Error(ErrorCode::kExhausted, StrCat("more than ", kReadOnlyRangesMax,
                                               " read-only ranges of guest memory"));
  }
  read_only_[read_only_count_++] = range;
  return Ok();
}

Result<GuestMapping> GuestMapping::Create(std::uint64_t size) {
  SUMMON_CHECK(size > 0 && size % kMemoryUnit == 0);
  // One unit more than asked, so that an aligned start is inside; the rest is given back.
  const std::uint64_t reserved = size + kMemoryUnit;
  // SAFETY: a fresh anonymous mapping; nothing else is replaced.
  void* mapped = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return ErrnoError(StrCat("map ", size >> 20, " MiB of guest memory"), errno);
  }
  auto* const start = static_cast<std::uint8_t*>(mapped);
  // SAFETY: only the low bits of the address are looked at.
  const std::uint64_t misaligned = reinterpret_cast<std::uintptr_t>(start) % kMemoryUnit;
  const std::uint64_t head = misaligned == 0 ? 0 : kMemoryUnit - misaligned;
  if (head > 0) (void)munmap(start, head);  // our own pages, page aligned: cannot fail
  const std::uint64_t tail = reserved - head - size;
  if (tail > 0) (void)munmap(start + head + size, tail);

  GuestMapping mapping;
  mapping.bytes_ = {start + head, size};
  return mapping;
}

GuestMapping::GuestMapping(GuestMapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

GuestMapping& GuestMapping::operator=(GuestMapping&& other) noexcept {
  if (this != &other) {
    Unmap();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

GuestMapping::~GuestMapping() { Unmap(); }

void GuestMapping::Unmap() {
  if (!bytes_.empty()) (void)munmap(bytes_.data(), bytes_.size());  // ours: cannot fail
}

Status GuestMapping::WriteProtect(GuestRange range) {
  SUMMON_CHECK(range.begin <= range.end && range.end <= bytes_.size());
  // SAFETY: the range lies inside our own mapping; nobody holds a writable span of it any more
  // than through GuestMemory::Writable(), which refuses read-only ranges.
  if (mprotect(bytes_.data() + range.begin, range.end - range.begin, PROT_READ) != 0) {
    return ErrnoError(StrCat("write-protect guest memory at ", Hex(range.begin)), errno);
  }
  return Ok();
}

}  // namespace summon::hypervisor
