// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where figures come from, for the head of every report; and what a benchmark must not leave.

#include <string>

namespace summon::benchmarks {

// Processor, cores, memory, kernel, KVM's modules, load and our version, one a line.
std::string MachineText();

// The folder of the build that this program is part of: .../bin/boot gives ... .
std::string BuildFolder();

// What this process holds: the same before and after a measurement, or something was left behind.
struct Holdings {
  std::size_t descriptors = 0;
  std::size_t children = 0;
  bool operator==(const Holdings&) const = default;
};
Holdings LookAtOurselves();

// One line that says whether anything was left. Prints it; returns 0, or 1 when something was.
int ReportLeftovers(const Holdings& before);

}  // namespace summon::benchmarks
