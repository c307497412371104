// SPDX-License-Identifier: Apache-2.0
#pragma once
// Snapshots: all of a guest that waits in POLL, and how it goes on from there.
//
// A snapshot goes with the layout that its guest was booted from: what the guest could not change
// (text, read-only data) is not in it, nor are pages of zeroes. What is in it: pages, the CPU, what
// the guest mode remembers, and the POLL that the guest waits in. Devices are not: the job attaches
// them again. Clocks are not either: they are the host's own, and run on.
//
//   offset 0        SnapshotHeader, with the list of runs
//   kPagesOffset    the pages of the runs, one run after another
//
// A snapshot holds whatever the guest knew, its random state too. So it is gone on from once.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "hypervisor/arch/x86_64/ring3_shim.h"
#include "hypervisor/control/detail.h"
#include "hypervisor/kvm/machine.h"
#include "hypervisor/layout/layout.h"
#include "hypervisor/memory/guest_memory.h"

namespace summon::hypervisor {

// The POLL that a guest waits in: its argument structure, and until when it waits at most.
struct PendingPoll {
  std::uint64_t argument = 0;
  Instant deadline{};
};

// What a snapshot holds beside memory.
struct GuestState {
  CpuStateBlob cpu;
  Ring3State ring3;  // only of ring-3 mode
  PendingPoll poll;
};

// A stretch of guest memory, page aligned.
struct SnapshotRun {
  std::uint64_t begin;
  std::uint64_t end;
};

// Bounds the header. When a guest's memory is more scattered, the last run covers the rest.
inline constexpr std::size_t kSnapshotRunsMax = 2048;

struct SnapshotHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t ring;  // CpuRing
  std::uint64_t memory_bytes;
  std::uint64_t entry;      // of the layout that it goes with
  std::uint64_t image_end;  // likewise
  std::uint64_t poll_argument;
  std::int64_t poll_deadline_nanos;  // CLOCK_MONOTONIC of this boot of the host
  Ring3State ring3;
  CpuStateBlob cpu;
  std::uint64_t run_count;
  std::array<SnapshotRun, kSnapshotRunsMax> runs;
};
// How much of a header with so many runs is in the file. Few guests have more than ten; 32 KiB of
// zeroes would be written, read, and given memory of their own.
constexpr std::size_t SnapshotHeaderBytes(std::uint64_t run_count) {
  return offsetof(SnapshotHeader, runs) + run_count * sizeof(SnapshotRun);
}
inline constexpr char kSnapshotMagic[8] = {'S', 'U', 'M', 'S', 'N', 'A', 'P', '\0'};
inline constexpr std::uint32_t kSnapshotVersion = 2;
inline constexpr std::uint64_t kSnapshotPagesOffset =
    (sizeof(SnapshotHeader) + kPageSize - 1) / kPageSize * kPageSize;

// Takes one snapshot. Made before the sandbox closes; Write() then allocates nothing.
class SnapshotWriter final {
 public:
  // `layout` is what the guest was booted from. Borrowed, as is `file`.
  SnapshotWriter(const LayoutHeader& layout, CpuRing ring, int file);
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // Writes guest memory and `state`. Gives the bytes of memory in the snapshot, or what failed.
  struct Written {
    std::uint64_t bytes = 0;
    std::optional<Detail> problem;
  };
  Written Write(const GuestMemory& memory, const GuestState& state);

 private:
  void FindRuns(Bytes memory);
  void AddPage(std::uint64_t page);

  const LayoutHeader& layout_;
  const int file_;
  const std::unique_ptr<SnapshotHeader> header_;
};

// Whether `header`, from a file of `file_bytes`, is a snapshot that goes with `layout` in `ring`
// mode. Pure.
// Errors: kInvalid, naming what does not fit.
Status CheckSnapshot(const SnapshotHeader& header, std::uint64_t file_bytes,
                     const LayoutHeader& layout, CpuRing ring);

// The header of the snapshot in `file`, checked.
Result<std::unique_ptr<SnapshotHeader>> ReadSnapshot(int file, const LayoutHeader& layout,
                                                     CpuRing ring);

// How pages come into memory: mapped, which is quick and leaves the guest to touch each, or
// copied, which takes longer and leaves nothing to do when the guest goes on.
enum class RestoreMode { kMap, kCopy };

// Puts the pages of a checked snapshot over the layout's (MapLayout has run).
Status RestoreMemory(const SnapshotHeader& header, int file, RestoreMode mode,
                     GuestMapping& mapping);

// What a checked header holds beside memory.
GuestState StateOf(const SnapshotHeader& header);

}  // namespace summon::hypervisor
