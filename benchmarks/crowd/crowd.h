// SPDX-License-Identifier: Apache-2.0
#pragma once
// A crowd of clients: each asks for a name, connects to the address that it got, and waits for the
// first byte of a page. All in one thread, so that the crowd takes little of the machine.
//
// Usually a visit begins at its due time whatever became of the others, and its times count from
// then: a client that had to wait for its turn has waited.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "benchmarks/common/measurement.h"

namespace summon::benchmarks {

struct Visit {
  Duration due{};    // from the start of the crowd on
  std::string name;  // that is asked for
  std::uint16_t port = 80;
};

enum class Fate {
  kServed,
  kRefused,   // the name server gave no address
  kNoAnswer,  // the name server said nothing, asked kAsksMax times
  kBroken,    // the connection was refused or ended without a page
  kNoPage,    // nothing came in kVisitPatience
};

struct Outcome {
  Fate fate = Fate::kNoAnswer;
  double answer_us = kNothing;      // from then to the answer
  double first_byte_us = kNothing;  // from then to the first byte of the page
  int error = 0;                    // errno of a connection that broke; 0: it just ended
  unsigned asks = 0;                // queries sent: stub resolvers ask again
  unsigned retransmits = 0;         // TCP segments that the client sent again
};

enum class From { kDue, kBegin };  // what the times of a visit count from

struct CrowdOptions {
  int client_namespace = -1;
  std::string server;
  std::uint16_t server_port = 5300;
  std::size_t in_progress_max = 20'000;  // visits at once; further ones wait for their turn
  From from = From::kDue;
};

// Bounds memory, descriptors and the ids of queries.
inline constexpr std::size_t kVisitsMax = 60'000;
inline constexpr Duration kAskAgain = std::chrono::seconds(1);
inline constexpr unsigned kAsksMax = 5;
inline constexpr Duration kVisitPatience = std::chrono::seconds(20);

// One outcome for each visit, in their order. `visits` are sorted by due time.
// Errors: only of the crowd itself (sockets, kVisitsMax); what becomes of a visit is its outcome.
Result<std::vector<Outcome>> SendCrowd(const CrowdOptions& options,
                                       const std::vector<Visit>& visits);

// As samples of one way: columns as CrowdColumns; those that were not served are failures.
std::vector<Column> CrowdColumns();
enum CrowdColumn : std::size_t { kCrowdAnswer, kCrowdFirstByte };
Series SeriesOf(const std::string& label, const std::vector<Outcome>& outcomes);

// One line: how many were served, refused, late (first byte after more than kLate), unanswered.
inline constexpr Duration kLate = std::chrono::seconds(1);
std::string FatesText(const std::string& label, const std::vector<Outcome>& outcomes);

}  // namespace summon::benchmarks
