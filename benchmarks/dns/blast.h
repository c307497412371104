// SPDX-License-Identifier: Apache-2.0
#pragma once
// A sender that a server cannot outrun: sendmmsg and recvmmsg, questions made beforehand.
//
// Closed loop: a fixed number of questions is always on its way; how many are answered says what
// the server can do. Open loop: questions leave at fixed times whatever comes back, and latency
// counts from the time at which a question should have left, so that a stall counts for all that it
// held up.

#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "benchmarks/dns/questions.h"
#include "dns/endpoint.h"

namespace summon::benchmarks {

struct BlastOptions {
  static constexpr unsigned kOutstandingMax = 32'768;
  static constexpr unsigned kSocketsMax = 64;

  dns::Endpoint server;
  std::span<const Question> questions;  // not empty; asked in their order, again and again
  Duration duration = std::chrono::seconds(1);
  unsigned outstanding = 200;  // of a closed loop
  unsigned sockets = 1;        // with a port each; more than one for a server with several workers
  double rate = 0;             // questions a second; 0: a closed loop
};

struct BlastResult {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t wrong = 0;  // answered, but not as it should be
  std::uint64_t lost = 0;   // no answer within a quarter of a second
  Duration elapsed{};
  std::vector<double> latencies_us;  // of an open loop
};

// Errors: kIo when the server cannot be sent to.
Result<BlastResult> Blast(const BlastOptions& options);

// Keeps this thread on one processor. Errors: kInvalid when there is none of that number.
Status PinTo(unsigned processor);

}  // namespace summon::benchmarks
