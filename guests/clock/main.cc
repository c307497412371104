// SPDX-License-Identifier: Apache-2.0
// Shows the machine's clocks, and checks that sleeping never ends early and wall time agrees.

#include <cstdint>

#include "guests/runtime/runtime.h"
#include "guests/runtime/text.h"

namespace summon::guest {

SUMMON_GUEST_DEVICES();

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMs;
// Guest and host measure with different clocks: the guest converts its cycle counter with a
// frequency that the host knows to about one part in a million. 100 ppm is room enough, and still
// catches a tender that rounds to milliseconds.
constexpr std::uint64_t kDriftPerMillion = 100;
constexpr std::uint64_t kYear2020Ns = 1'577'836'800ull * kSecond;
// A wall clock that is stepped while we look is not the tender's fault; this is.
constexpr std::uint64_t kWallErrorMaxNs = kSecond;

bool Fail(std::string_view what, std::uint64_t value) {
  Line line;
  line << "FAILURE: " << what << ": " << value << '\n';
  Print(line.view());
  return false;
}

bool SleepsLongEnough(Machine& machine, std::uint64_t sleep_ns) {
  const std::uint64_t begin = machine.MonotonicNs();
  (void)machine.Poll(begin + sleep_ns);  // this image has no device that could end the sleep
  const std::uint64_t slept = machine.MonotonicNs() - begin;
  Line line;
  line << "poll for " << sleep_ns << " ns took " << slept << " ns\n";
  Print(line.view());
  if (slept + sleep_ns / 1'000'000 * kDriftPerMillion < sleep_ns) {
    return Fail("woke early by ns", sleep_ns - slept);
  }
  return true;
}

bool MonotonicNeverGoesBack(const Machine& machine) {
  constexpr int kReadings = 100;
  std::uint64_t last = machine.MonotonicNs();
  for (int i = 0; i < kReadings; ++i) {
    const std::uint64_t next = machine.MonotonicNs();
    if (next < last) return Fail("monotonic clock went back by ns", last - next);
    last = next;
  }
  return true;
}

}  // namespace

int Main(Machine& machine) {
  const std::uint64_t wall = machine.WallNs();
  const std::uint64_t begin = machine.MonotonicNs();
  Line line;
  line << "wall " << wall << " ns, monotonic " << begin << " ns\n";
  Print(line.view());
  if (wall < kYear2020Ns) {
    Fail("wall clock is before 2020", wall);
    return 1;
  }
  if (!MonotonicNeverGoesBack(machine)) return 1;
  for (const std::uint64_t sleep : {std::uint64_t{0}, kMs / 10, kMs, 20 * kMs, 150 * kMs}) {
    if (!SleepsLongEnough(machine, sleep)) return 1;
  }
  const std::uint64_t wall_passed = machine.WallNs() - wall;
  const std::uint64_t passed = machine.MonotonicNs() - begin;
  const std::uint64_t apart = wall_passed > passed ? wall_passed - passed : passed - wall_passed;
  if (apart > kWallErrorMaxNs) {
    Fail("wall and monotonic clock differ by ns", apart);
    return 1;
  }
  Print("SUCCESS\n");
  return 0;
}

}  // namespace summon::guest
