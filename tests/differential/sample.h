// SPDX-License-Identifier: Apache-2.0
#pragma once
// A zone that has everything in it, and questions for all its corners: both made from a seed.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/differential/reply.h"

namespace summon::differential {

inline constexpr const char* kApex = "example.test";

struct Sample {
  std::string zone_file;          // RFC 1035 section 5
  std::vector<std::string> names;  // that the zone has
};
Sample MakeSample(std::uint64_t seed);

// Names of the zone, below, beside and above them, in random case, of every type.
std::vector<Question> MakeQuestions(const Sample& sample, std::uint64_t seed, std::size_t count);

}  // namespace summon::differential
