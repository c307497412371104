// SPDX-License-Identifier: Apache-2.0
#pragma once
// One measured summon, and the samples of one way of serving.

#include <string>
#include <vector>

#include "base/result.h"
#include "tests/testbed/house.h"

namespace summon::benchmarks {

struct Sample {
  double answer_us = 0;      // DNS query sent -> answer received
  double connect_us = 0;     // connect() called -> connection stands
  double first_byte_us = 0;  // DNS query sent -> first byte of the HTTP response
  unsigned retransmits = 0;  // segments the client had to send again: lost first packets
};

// A way of serving the same page.
struct Way {
  std::string label;       // kvm, process, native
  std::string name;        // the name that is asked for
  std::string service;     // empty: not one of Summon's
  std::uint16_t port = 80;
  std::vector<Sample> samples;
  std::vector<std::string> failures;
};

// Rest between putting a service away and asking for it: a service that is asleep has been so for a
// while, and its former machine is gone for good. The same for every way.
inline constexpr Duration kSettle = std::chrono::milliseconds(30);

// Puts the service away when it is one of Summon's, then asks for its name and fetches its page
// at the address that the answer gave, from the client's namespace.
Status MeasureOnce(testbed::House& house, Way& way);

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

}  // namespace summon::benchmarks
