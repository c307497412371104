// SPDX-License-Identifier: Apache-2.0
#pragma once
// A DNS reply as two servers can be compared by: what it says, without how it is packed.
//
// A decoder of its own, so that a mistake that our own one and our own writer share would show.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace summon::differential {

struct Question {
  std::string name;  // as text, without escapes: labels have letters, digits, "-", "_" and "*"
  std::uint16_t type = 1;
  bool edns = true;
  bool wants_dnssec = false;  // the DO flag
};
std::string Describe(const Question& question);

std::vector<std::uint8_t> WriteQuery(const Question& question, std::uint16_t id);

// What has to be the same: status, flags, and the records that the status demands. One line each,
// sorted where order says nothing. Left out is what each server may add as it likes: authority
// and additional records behind a whole answer.
// Errors: kInvalid for what is no reply to `question` with `id`.
Result<std::string> Essence(Bytes reply, const Question& question, std::uint16_t id);

}  // namespace summon::differential
