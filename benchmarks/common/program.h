// SPDX-License-Identifier: Apache-2.0
#pragma once
// Timing a program from its start: the peer of every way to start a guest.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace summon::benchmarks {

struct ProgramTimes {
  Duration first_byte{};  // until something could be read of its standard output
  Duration exit{};        // until its end could be seen
  int exit_status = 0;    // 128 + signal when a signal ended it
};

inline constexpr Duration kProgramPatience = std::chrono::seconds(20);

// Starts `command` (a path and its arguments) with posix_spawn, which makes it vfork and exec,
// and waits for its end. Its input and its standard error are /dev/null.
// Errors: kTimeout after kProgramPatience (it is ended then); kIo when it prints nothing.
Result<ProgramTimes> TimeProgram(const std::vector<std::string>& command);

}  // namespace summon::benchmarks
