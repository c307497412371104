// SPDX-License-Identifier: Apache-2.0
#pragma once
// Guest memory as the monitor sees it: one private mapping, reached only through checked ranges.
//
// Every address that comes from a guest goes through Readable() or Writable(). Writable() also
// refuses what the guest itself may not write (its text, its boot information, the page tables):
// otherwise a hypercall's result would be a way around the page protections. The guest has one
// virtual CPU, which does not run while a hypercall is served; all the same nothing here relies on
// memory that stays as it is: structures and frames are copied once (shared_copy.h), and the copy
// is checked and used.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "base/result.h"
#include "hypervisor/abi/boot_area.h"
#include "hypervisor/memory/shared_copy.h"

namespace summon::hypervisor {

inline constexpr std::uint64_t kMemoryUnit = 2ull << 20;  // RAM comes in multiples of 2 MiB

// Guest addresses from `begin` up to, but without, `end`.
struct GuestRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool Overlaps(const GuestRange& other) const { return begin < other.end && other.begin < end; }
};

class GuestMemory final {
 public:
  // The area below the image and one range for each segment of an image (kProgramHeadersMax).
  static constexpr std::size_t kReadOnlyRangesMax = 65;

  GuestMemory() = default;
  // Over memory that the caller owns and keeps; index 0 is guest address 0.
  explicit GuestMemory(std::span<std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint64_t size() const { return bytes_.size(); }
  // All of it, for whoever builds the guest before it runs.
  std::span<std::uint8_t> all() const { return bytes_; }
  GuestWindow window() const { return {0, bytes_}; }

  // From now on the guest, and hypercalls on its behalf, may not write `range`.
  // Errors: kExhausted beyond kReadOnlyRangesMax.
  Status AddReadOnly(GuestRange range);
  std::span<const GuestRange> read_only() const { return {read_only_.data(), read_only_count_}; }

  // Below this address a guest can reach nothing: the zero page, and the monitor's tables.
  static constexpr std::uint64_t kGuestVisible = kBootInfoHvt;

  // `size` bytes at `address`, when all of them are memory that the guest may read (or write).
  std::optional<std::span<const std::uint8_t>> Readable(std::uint64_t address,
                                                        std::uint64_t size) const {
    if (!Contains(address, size)) return std::nullopt;
    return bytes_.subspan(address, size);
  }
  std::optional<std::span<std::uint8_t>> Writable(std::uint64_t address,
                                                  std::uint64_t size) const {
    if (!Contains(address, size)) return std::nullopt;
    const GuestRange wanted{address, address + size};  // Contains() has excluded an overflow
    for (const GuestRange& range : read_only()) {
      if (range.Overlaps(wanted)) return std::nullopt;
    }
    return bytes_.subspan(address, size);
  }

  // A private copy of the structure at `address`; nothing when it is not the guest's to read.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> Copy(std::uint64_t address) const {
    const auto from = Readable(address, sizeof(T));
    if (!from) return std::nullopt;
    T value;
    // SAFETY: Readable() gave exactly sizeof(T) bytes, and any of them make a trivial T.
    CopyFromGuest(*from, reinterpret_cast<std::uint8_t*>(&value));
    return value;
  }
  // False when the place is not the guest's to write: nothing was written.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  bool Store(std::uint64_t address, const T& value) const {
    const auto to = Writable(address, sizeof(T));
    if (!to) return false;
    // SAFETY: Writable() gave exactly sizeof(T) bytes.
    CopyToGuest({reinterpret_cast<const std::uint8_t*>(&value), sizeof value}, to->data());
    return true;
  }

 private:
  bool Contains(std::uint64_t address, std::uint64_t size) const {
    return address >= kGuestVisible && address <= bytes_.size() &&
           size <= bytes_.size() - address;
  }

  std::span<std::uint8_t> bytes_;
  std::array<GuestRange, kReadOnlyRangesMax> read_only_{};
  std::size_t read_only_count_ = 0;
};

// Guest memory as the host holds it: a stretch of addresses, reserved before the guest is known,
// of which the first part becomes memory. Private, lazily backed, unmapped with its owner.
class GuestMapping final {
 public:
  // Addresses only: no access, no memory. The start is aligned to kMemoryUnit, so that the kernel
  // can back it with huge pages. `size` is a multiple of kMemoryUnit.
  static Result<GuestMapping> Reserve(std::uint64_t size);
  // The first `size` bytes (a multiple of kMemoryUnit, within what is reserved) become readable,
  // writable and zero. Once.
  Status Commit(std::uint64_t size);
  // Both at once.
  static Result<GuestMapping> Create(std::uint64_t size);

  GuestMapping() = default;
  GuestMapping(GuestMapping&& other) noexcept;
  GuestMapping& operator=(GuestMapping&& other) noexcept;
  GuestMapping(const GuestMapping&) = delete;
  GuestMapping& operator=(const GuestMapping&) = delete;
  ~GuestMapping();

  // What is memory.
  std::span<std::uint8_t> bytes() const { return bytes_; }
  // All addresses, memory or not.
  std::span<std::uint8_t> reserved() const { return reserved_; }

  // Memory at `range` of the reserved addresses, beyond what will be committed, for a while; when
  // it is closed the addresses are only reserved again.
  Result<std::span<std::uint8_t>> OpenScratch(GuestRange range);
  Status CloseScratch(GuestRange range);

  // Asks for transparent huge pages under `range`, where it covers whole ones. A first touch then
  // costs 0.24 us a page instead of 4.4 when a guest goes on to use all of it (measured on a KVM
  // in software), but clearing 2 MiB takes 60 us and holds 2 MiB when it touches a single page: so
  // only for guests that were given much memory. Best effort.
  void PreferHugePages(GuestRange range);

  enum class Access { kRead, kReadWrite };
  // Puts a private copy-on-write view of `file` from `offset` (page aligned) in the place of
  // `range` (page aligned, inside bytes()).
  struct FileStretch {
    int file = -1;
    std::uint64_t offset = 0;
  };
  Status MapFile(const FileStretch& from, GuestRange range, Access access);
  // Backs the pages of `range` now, in one go, instead of at the guest's first touch of each: for
  // reading, or for writing (which makes private copies). Best effort: an old kernel does nothing.
  void Populate(GuestRange range, Access access);

  // Takes the host's own write permission on `range` (page aligned) away, and with it the
  // guest's, whatever its page tables say.
  Status WriteProtect(GuestRange range);

 private:
  void Unmap();

  std::span<std::uint8_t> bytes_;
  std::span<std::uint8_t> reserved_;
};

}  // namespace summon::hypervisor
