// SPDX-License-Identifier: Apache-2.0
#pragma once
// A house with very many services, all alike: s0, s1, ... in the zone summon.test.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/testbed/clients.h"
#include "tests/testbed/house.h"

namespace summon::benchmarks {

struct TownOptions {
  unsigned services = 1000;
  std::string launcher = "KVM";  // or PROCESS
  unsigned memory_mib = 16;
  unsigned pool = 0;   // waiting monitors; 0: as launcherd has it
  std::string policy;  // of every service
};

// Addresses are 10.78.0.0/16, from .1.0 on.
inline constexpr unsigned kTownServicesMax = 20'000;

// What is wrong with this machine for so many services, with the limits and how to mend it, before
// anything is started; raises our own soft limit of descriptors, which daemons inherit.
Status CheckRoomFor(const TownOptions& options);

// Started, and every service prepared: its tap stands.
Result<std::unique_ptr<testbed::House>> BuildTown(const TownOptions& options);

// Ends both daemons and waits until they are gone, and every monitor that they had: taps in
// thousands take the kernel a while. Errors: kTimeout, with what is still there.
Status CloseTown(std::unique_ptr<testbed::House> house);

// Waits until a page can be had in a namespace: a program that was just started listens a moment
// later, and until then refuses. Errors: the last one, after some seconds.
Status AwaitPage(int namespace_fd, const testbed::HttpTarget& target);

std::string ServiceName(unsigned number);

// From `summon list`.
struct Census {
  std::size_t prepared = 0;
  std::size_t asleep = 0;
  std::size_t ready = 0;
  std::size_t failed = 0;
  std::uint64_t summons = 0;  // of all services together, ever
  std::string problem;        // of one that has any
};
Result<Census> Count(testbed::House& house);

// Waits until `count` services are ready: summond hears of it a moment after the client has its
// page. The census then, or when the patience is over.
Result<Census> AwaitReady(testbed::House& house, std::size_t count);

// Waits until all of them are asleep. Errors: kTimeout, with the census.
Status AwaitSleep(testbed::House& house, Duration patience);

}  // namespace summon::benchmarks
