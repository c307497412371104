// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an instance costs in memory besides what its guest has touched.

#include <string>
#include <vector>

#include "benchmarks/common/monitor.h"

namespace summon::benchmarks {

// Of one process, from /proc/PID/smaps; KiB.
struct ProcessWeight {
  double pss = 0;    // its fair share of what is shared, and what is its own; without the guest's
  double own = 0;    // what is its own (private pages); without the guest's
  double guest = 0;  // guest memory that was touched and is its own
};
struct GuestRam {
  launcher::Kind kind = launcher::Kind::kKvm;
  std::uint64_t bytes = 0;  // 0: there is no guest yet
};
// Errors: also when no memory is found of a guest that runs: it would pass for overhead.
Result<ProcessWeight> WeighProcess(int pid, const GuestRam& ram);

// Of the whole machine, from /proc/meminfo; KiB.
struct KernelWeight {
  double slab = 0;
  double stacks = 0;
  double tables = 0;  // page tables, those of guests too
  double used = 0;    // MemTotal - MemFree - Cached - Buffers: sees pages that KVM holds, too
};
KernelWeight WeighKernel();

struct WeighOptions {
  unsigned instances = 50;
  std::uint32_t memory_mib = 16;
  std::string guest_mode;  // empty: none on KVM
  std::string guest_dir;
};

// All for one instance, KiB: the mean over `instances` that come to as many of the same kind.
struct Weight {
  std::string label;
  ProcessWeight process;
  KernelWeight kernel;
  double goal = 0;  // for process.own + what the kernel holds; 0: there is none

  double overhead() const { return process.own + kernel.slab + kernel.stacks + kernel.tables; }
};
Result<std::vector<Weight>> WeighInstances(Stable& stable, const WeighOptions& options);

std::string WeightTable(const std::vector<Weight>& weights);

}  // namespace summon::benchmarks
