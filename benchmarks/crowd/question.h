// SPDX-License-Identifier: Apache-2.0
#pragma once
// DNS as a crowd of clients speaks it: one question, one address. Bytes only.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace summon::benchmarks {

// A query for the A record of `name`.
std::vector<std::uint8_t> MakeQuestion(const std::string& name, std::uint16_t id);

struct Answer {
  std::uint16_t id = 0;
  int rcode = 0;
  std::optional<std::uint32_t> address;  // in network byte order
};
// Nothing when the bytes are no answer.
std::optional<Answer> ReadAnswer(Bytes bytes);

}  // namespace summon::benchmarks
