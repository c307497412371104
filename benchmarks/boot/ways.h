// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ways to come to a guest's first (or next) console byte.

#include <string>
#include <vector>

#include "benchmarks/common/bootable.h"
#include "benchmarks/common/measurement.h"

namespace summon::benchmarks {

// Columns of a sample, all counted from just before the job or the order was sent.
enum BootColumn : std::size_t { kAssignedAt, kLoadedAt, kRunningAt, kByteAt, kBootColumns };
std::vector<Column> BootColumns();

struct BootOptions {
  std::vector<std::string> guest_modes;          // one: labels do not name it
  Duration idle = std::chrono::milliseconds(5);  // a member has waited at least this long
  std::uint32_t memory_mib = 16;
  std::string native_hello;  // paths
  std::string guest_dir;
};

// Everything is prepared; the ways borrow from `stable`. Errors: what could not be prepared.
Result<std::vector<Way>> BootWays(Stable& stable, const BootOptions& options);

}  // namespace summon::benchmarks
