// SPDX-License-Identifier: Apache-2.0
// Mapping guest memory, and the list of what a guest may not write.
#include "hypervisor/memory/guest_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"

namespace summon::hypervisor {

namespace {

// madvise(2), Linux 5.14; Debian 12's C library has the names, older ones do not.
constexpr int kPopulateRead = 22;
constexpr int kPopulateWrite = 23;

}  // namespace

Status GuestMemory::AddReadOnly(GuestRange range) {
  if (read_only_count_ == read_only_.size()) {
    return Error(ErrorCode::kExhausted, StrCat("more than ", kReadOnlyRangesMax,
                                               " read-only ranges of guest memory"));
  }
  read_only_[read_only_count_++] = range;
  return Ok();
}

Result<GuestMapping> GuestMapping::Reserve(std::uint64_t size) {
  SUMMON_CHECK(size > 0 && size % kMemoryUnit == 0);
  // One unit more than asked, so that an aligned start is inside; the rest is given back.
  const std::uint64_t reserved = size + kMemoryUnit;
  // SAFETY: a fresh anonymous mapping; nothing else is replaced.
  void* mapped = mmap(nullptr, reserved, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return ErrnoError(StrCat("reserve ", size >> 20, " MiB of addresses for guest memory"), errno);
  }
  auto* const start = static_cast<std::uint8_t*>(mapped);
  // SAFETY: only the low bits of the address are looked at.
  const std::uint64_t misaligned = reinterpret_cast<std::uintptr_t>(start) % kMemoryUnit;
  const std::uint64_t head = misaligned == 0 ? 0 : kMemoryUnit - misaligned;
  if (head > 0) (void)munmap(start, head);  // our own pages, page aligned: cannot fail
  const std::uint64_t tail = reserved - head - size;
  if (tail > 0) (void)munmap(start + head + size, tail);

  GuestMapping mapping;
  mapping.reserved_ = {start + head, size};
  return mapping;
}

Status GuestMapping::Commit(std::uint64_t size) {
  SUMMON_CHECK(bytes_.empty() && size % kMemoryUnit == 0 && size <= reserved_.size());
  // SAFETY: our own reserved addresses, which nobody has used yet.
  if (mprotect(reserved_.data(), size, PROT_READ | PROT_WRITE) != 0) {
    return ErrnoError(StrCat("make ", size >> 20, " MiB of guest memory"), errno);
  }
  bytes_ = reserved_.first(size);
  return Ok();
}

Result<std::span<std::uint8_t>> GuestMapping::OpenScratch(GuestRange range) {
  SUMMON_CHECK(range.begin < range.end && range.end <= reserved_.size());
  const auto scratch = reserved_.subspan(range.begin, range.end - range.begin);
  // SAFETY: our own reserved addresses, which nobody has used yet.
  if (mprotect(scratch.data(), scratch.size(), PROT_READ | PROT_WRITE) != 0) {
    return ErrnoError("make scratch memory", errno);
  }
  return scratch;
}

Status GuestMapping::CloseScratch(GuestRange range) {
  const auto scratch = reserved_.subspan(range.begin, range.end - range.begin);
  // SAFETY: our own addresses; whoever opened the scratch holds its span no longer.
  if (mmap(scratch.data(), scratch.size(), PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return ErrnoError("close scratch memory", errno);
  }
  return Ok();
}

Result<GuestMapping> GuestMapping::Create(std::uint64_t size) {
  GuestMapping mapping = SUMMON_TRY(Reserve(size));
  SUMMON_TRY(mapping.Commit(size));
  return mapping;
}

GuestMapping::GuestMapping(GuestMapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), reserved_(std::exchange(other.reserved_, {})) {}

GuestMapping& GuestMapping::operator=(GuestMapping&& other) noexcept {
  if (this != &other) {
    Unmap();
    bytes_ = std::exchange(other.bytes_, {});
    reserved_ = std::exchange(other.reserved_, {});
  }
  return *this;
}

GuestMapping::~GuestMapping() { Unmap(); }

void GuestMapping::Unmap() {
  if (!reserved_.empty()) (void)munmap(reserved_.data(), reserved_.size());  // cannot fail
}

Status GuestMapping::MapFile(const FileStretch& from, GuestRange range, Access access) {
  SUMMON_CHECK(range.begin < range.end && range.end <= bytes_.size());
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  // SAFETY: the range lies inside our own mapping, and nobody holds a span of it yet: files are
  // mapped before the guest's memory is looked at.
  if (mmap(bytes_.data() + range.begin, range.end - range.begin, protection,
           MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, from.file,
           static_cast<off_t>(from.offset)) == MAP_FAILED) {
    return ErrnoError(StrCat("map guest memory at ", Hex(range.begin)), errno);
  }
  return Ok();
}

void GuestMapping::PreferHugePages(GuestRange range) {
  SUMMON_CHECK(range.begin <= range.end && range.end <= bytes_.size());
  const std::uint64_t begin = (range.begin + kMemoryUnit - 1) / kMemoryUnit * kMemoryUnit;
  const std::uint64_t end = range.end / kMemoryUnit * kMemoryUnit;
  if (begin >= end) return;
  (void)madvise(bytes_.data() + begin, end - begin, MADV_HUGEPAGE);  // best effort
}

void GuestMapping::Populate(GuestRange range, Access access) {
  SUMMON_CHECK(range.begin <= range.end && range.end <= bytes_.size());
  if (range.begin == range.end) return;
  const int advice = access == Access::kRead ? kPopulateRead : kPopulateWrite;
  (void)madvise(bytes_.data() + range.begin, range.end - range.begin, advice);  // best effort
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
