// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is asked: a zone "bench.test" of any size, and questions about it with what is a right
// answer to each.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace summon::benchmarks {

inline constexpr const char* kBenchApex = "bench.test";

enum class Mix {
  kHits,   // addresses that are there
  kMixed,  // 60 % of them, 20 % AAAA that are not, 15 % names that are not, 5 % HTTPS that are not
};

struct Question {
  std::vector<std::uint8_t> packet;  // its first two octets, the id, are written by who sends it
  std::string line;                  // as dnsperf reads it: "n1.bench.test A"
  std::uint8_t rcode = 0;            // of a right answer
  bool has_answer = true;            // a right answer has a record
};

struct QuestionOptions {
  std::size_t names = 1'000;  // of the zone
  std::size_t count = 100'000;
  Mix mix = Mix::kHits;
  bool edns = false;
};

// In an order that is random and always the same.
std::vector<Question> MakeQuestions(const QuestionOptions& options);

// The zone in the form of RFC 1035: SOA, NS, and `names` addresses "n0" to "nN".
std::string ZoneText(std::size_t names);
// The same addresses as a file of hosts.
std::string HostsText(std::size_t names);

// True when `answer` is a right answer to `question`, its id aside.
bool IsRight(const Question& question, Bytes answer);

}  // namespace summon::benchmarks
