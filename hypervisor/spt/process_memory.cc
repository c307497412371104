// SPDX-License-Identifier: Apache-2.0
// Maps and protects; see the header. The mapping lives until the process ends.
#include "hypervisor/spt/process_memory.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

constexpr std::uint64_t kMemoryMin = 2ull << 20;  // the smallest machine that Solo5 knows

void* HostAddress(std::uint64_t guest_address) {
  // SAFETY: guest addresses are our addresses in this process; only Map's range is ever passed.
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(guest_address));
}

struct Range {
  std::uint64_t begin;
  std::uint64_t end;
};

Status ProtectRange(Range range, int protection) {
  if (mprotect(HostAddress(range.begin), range.end - range.begin, protection) != 0) {
    return ErrnoError(StrCat("protect guest memory ", Hex(range.begin), "..", Hex(range.end)),
                      errno);
  }
  return Ok();
}

}  // namespace

Result<ProcessMemory> ProcessMemory::Map(std::uint64_t memory_bytes) {
  if (memory_bytes < kMemoryMin || memory_bytes > kGuestMemoryMax ||
      memory_bytes % kPageSize != 0) {
    return Error(ErrorCode::kInvalid,
                 StrCat("guest memory of ", memory_bytes, " bytes; must be whole pages, ",
                        kMemoryMin, "..", kGuestMemoryMax));
  }
  void* const wanted = HostAddress(kSptMemoryBase);
  // SAFETY: NOREPLACE, so no mapping of ours is harmed; the guest's memory is only accessed
  // through window(), which is exactly this range.
  void* const mapped =
      mmap(wanted, memory_bytes - kSptMemoryBase, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (mapped == MAP_FAILED) {
    return ErrnoError(StrCat("map guest memory at ", Hex(kSptMemoryBase),
                             " (vm.mmap_min_addr must be at most 65536)"),
                      errno);
  }
  if (mapped != wanted) {  // Linux before 4.17 takes the address as a hint
    (void)munmap(mapped, memory_bytes - kSptMemoryBase);  // we give up anyway
    return Error(ErrorCode::kBusy, StrCat("map guest memory at ", Hex(kSptMemoryBase),
                                          ": the address is taken"));
  }
  return ProcessMemory(memory_bytes);
}

GuestWindow ProcessMemory::window() const {
  // SAFETY: exactly the range that Map mapped.
  return {.first = kSptMemoryBase,
          .bytes = {static_cast<std::uint8_t*>(HostAddress(kSptMemoryBase)),
                    memory_bytes_ - kSptMemoryBase}};
}

Status ProcessMemory::Protect(const Image& image) const {
  SUMMON_TRY(ProtectRange({kSptMemoryBase, kImageFloor}, PROT_READ));
  for (const Segment& segment : image.segments) {
    int protection = PROT_READ;
    if (segment.writable) protection |= PROT_WRITE;
    if (segment.executable) protection |= PROT_EXEC;
    SUMMON_TRY(ProtectRange({segment.page_begin(), segment.page_end()}, protection));
  }
  return Ok();
}

}  // namespace summon::hypervisor
