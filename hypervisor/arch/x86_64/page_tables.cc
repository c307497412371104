// SPDX-License-Identifier: Apache-2.0
// Writing page tables into guest memory.
#include "hypervisor/arch/x86_64/page_tables.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/strings.h"
#include "hypervisor/arch/x86_64/layout.h"

namespace summon::hypervisor {

namespace {

// Bits of an entry (AMD64 APM volume 2, section 5.4).
constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWrite = 1 << 1;
constexpr std::uint64_t kUser = 1 << 2;
constexpr std::uint64_t kAccessed = 1 << 5;
constexpr std::uint64_t kDirty = 1 << 6;
constexpr std::uint64_t kLarge = 1 << 7;
constexpr std::uint64_t kNoExecute = 1ull << 63;

constexpr std::uint64_t kLeaf = kPresent | kAccessed | kDirty;
constexpr std::uint64_t kReadOnlyData = kLeaf | kNoExecute;
constexpr std::uint64_t kData = kLeaf | kWrite | kNoExecute;
constexpr std::uint64_t kText = kLeaf | kWrite;  // write-protected by the host: see the header

constexpr std::uint64_t kEntriesPerTable = 512;
constexpr std::uint64_t kGigabyte = 1ull << 30;

std::uint64_t RightsOf(const Segment& segment) { return segment.executable ? kText : kData; }

class TableWriter {
 public:
  TableWriter(std::span<std::uint8_t> memory, const PagePlan& plan)
      : memory_(memory), plan_(plan),
        user_(plan.owner == PageOwner::kUser ? kUser : std::uint64_t{0}) {}

  void WriteUpperLevels() {
    const std::uint64_t link = kPresent | kWrite | kAccessed | user_;
    Put(kPml4Address, 0, kPdptAddress | link);
    for (std::uint64_t i = 0; i * kGigabyte < memory_.size(); ++i) {
      Put(kPdptAddress, i, (kDirectoriesAddress + i * kPageSize) | link);
    }
  }

  // The 2 MiB of guest memory at `begin`.
  Status WriteRegion(std::uint64_t begin) {
    const std::uint64_t index = begin / kMemoryUnit;  // the directories are one flat array
    const std::uint64_t link = kPresent | kWrite | kAccessed | user_;
    if (const auto rights = UniformRights(begin)) {
      Put(kDirectoriesAddress, index, begin | *rights | user_ | kLarge);
      return Ok();
    }
    const std::uint64_t table = begin == 0 ? kFirstTableAddress : next_table_;
    if (begin != 0) {
      if (next_table_ == kMoreTablesEnd) {
        return Error(ErrorCode::kExhausted,
                     StrCat("build page tables: the image needs more than ",
                            (kMoreTablesEnd - kMoreTables) / kPageSize, " tables of 4 KiB pages"));
      }
      next_table_ += kPageSize;
    }
    Put(kDirectoriesAddress, index, table | link);
    WritePages(table, begin);
    return Ok();
  }

 private:
  void Put(std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
    // SAFETY: tables lie below kImageFloor and guest memory is at least kMemoryUnit.
    std::memcpy(memory_.data() + table + index * sizeof entry, &entry, sizeof entry);
  }

  // The rights of all of a region, when they are the same everywhere in it.
  std::optional<std::uint64_t> UniformRights(std::uint64_t begin) const {
    if (begin == 0) return std::nullopt;
    const GuestRange region{begin, begin + kMemoryUnit};
    for (const Segment& segment : plan_.segments) {
      const GuestRange pages = PagesOf(segment);
      if (!pages.Overlaps(region) || RightsOf(segment) == kData) continue;
      if (pages.begin <= region.begin && region.end <= pages.end) return RightsOf(segment);
      return std::nullopt;
    }
    return kData;
  }

  void WritePages(std::uint64_t table, std::uint64_t begin) {
    const std::uint64_t end = begin + kMemoryUnit;
    for (std::uint64_t page = std::max(begin, kImageFloor); page < end; page += kPageSize) {
      PutPage(table, page, kData | user_);
    }
    for (const Segment& segment : plan_.segments) {
      const std::uint64_t last = std::min(segment.page_end(), end);
      for (std::uint64_t page = std::max(segment.page_begin(), begin); page < last;
           page += kPageSize) {
        PutPage(table, page, RightsOf(segment) | user_);
      }
    }
    if (begin == 0) WriteLowPages(table);
  }

  void WriteLowPages(std::uint64_t table) {
    for (std::uint64_t page = kBootInfoHvt; page < kMoreTables; page += kPageSize) {
      PutPage(table, page, kReadOnlyData | user_);
    }
    if (plan_.owner == PageOwner::kSupervisor) return;
    // What the CPU itself reads and writes when a ring-3 guest traps.
    PutPage(table, kGdtAddress, kData);
    PutPage(table, kShimIdtAddress, kReadOnlyData);
    PutPage(table, kShimCodeAddress, kLeaf);
    PutPage(table, kShimTssAddress, kReadOnlyData);
    PutPage(table, kShimStackAddress, kData);
  }

  void PutPage(std::uint64_t table, std::uint64_t page, std::uint64_t rights) {
    Put(table, page / kPageSize % kEntriesPerTable, page | rights);
  }

  const std::span<std::uint8_t> memory_;
  const PagePlan& plan_;
  const std::uint64_t user_;
  std::uint64_t next_table_ = kMoreTables;
};

}  // namespace

Status BuildPageTables(const GuestMemory& memory, const PagePlan& plan) {
  SUMMON_CHECK(memory.size() >= kMemoryUnit && memory.size() % kMemoryUnit == 0);
  TableWriter writer(memory.all(), plan);
  writer.WriteUpperLevels();
  for (std::uint64_t begin = 0; begin < memory.size(); begin += kMemoryUnit) {
    if (Status written = writer.WriteRegion(begin); !written.ok()) return written;
  }
  return Ok();
}

}  // namespace summon::hypervisor
