// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who answers: guests on taps in a namespace of their own, and ordinary programs behind a cable.

#include <memory>
#include <string>
#include <vector>

#include "benchmarks/network/exchange.h"
#include "tests/testbed/network.h"
#include "tests/testbed/process.h"

namespace summon::benchmarks {

// Where guests come from.
struct Runner {
  std::string label;           // kvm, process, solo5-hvt, solo5-spt
  testbed::Arguments command;  // without options
  std::string image_suffix;    // .hvt, .spt
};
// Those that can run here. Names of tenders are empty when there are none.
struct Tenders {
  std::string hvt;
  std::string spt;
};
std::vector<Runner> Runners(const Tenders& tenders);

// One way to be reached: an echo service and a web server, both up.
struct Station {
  std::string label;
  std::string echo_address;
  std::string web_address;
  std::uint16_t web_port = 80;
  std::vector<std::unique_ptr<testbed::Daemon>> programs;
};

// Starts the echo and the web guest on taps that it makes in `network.host()`, and waits until
// both answer. `number` makes names and addresses its own. Errors carry the guest's log.
Result<Station> StartGuests(const testbed::Network& network, const Runner& runner, unsigned number,
                            const std::string& log_folder);

// The same services by native programs, behind the network's cable.
Result<Station> StartNative(const testbed::Network& network, const std::string& log_folder);

}  // namespace summon::benchmarks
