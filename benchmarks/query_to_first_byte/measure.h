// SPDX-License-Identifier: Apache-2.0
#pragma once
// One measured summon through the front door: a DNS query and an HTTP request.

#include <string>
#include <vector>

#include "base/result.h"
#include "benchmarks/common/measurement.h"
#include "tests/testbed/house.h"

namespace summon::benchmarks {

// Something that serves the same page, and how it is put away before it is asked for.
struct Target {
  std::string label;    // kvm, kvm parked, process, native
  std::string name;     // the name that is asked for
  std::string service;  // empty: not one of Summon's
  std::string rung;     // where it rests, and must have woken from; empty: off
  std::uint16_t port = 80;
};

enum QueryColumn : std::size_t { kAnswer, kConnect, kFirstByte, kRetransmits };
std::vector<Column> QueryColumns();

// Rest between putting a service away and asking for it: a service that is asleep has been so for a
// while, and its former machine is gone for good. The same for every way.
inline constexpr Duration kSettle = std::chrono::milliseconds(30);

// Makes a service run, whatever its state.
Status MakeRun(testbed::House& house, const std::string& service);

// Puts the service away when it is one of Summon's.
Status PutAway(testbed::House& house, const Target& target);

// Puts it away, then asks for its name and fetches its page at the address that the answer gave,
// from the client's namespace.
Result<Sample> MeasureOnce(testbed::House& house, const Target& target);

// What must be the same before and after.
struct Resources {
  std::size_t summond_descriptors = 0;
  std::size_t launcherd_descriptors = 0;
  std::size_t monitors = 0;
  std::size_t interfaces = 0;
  std::size_t summond_kib = 0;
  std::size_t launcherd_kib = 0;
};
Resources Look(testbed::House& house);

// One line.
std::string Differences(const Resources& before, const Resources& after);

}  // namespace summon::benchmarks
