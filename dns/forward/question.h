// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is asked of an upstream server: a name, type and class with the flags that change the
// answer, and its form on the wire.
//
// Pure. The letters of the name get a random case for each server that is asked (the "0x20" bits):
// an honest server repeats them, a forger who sees no query has to guess them too.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns::forward {

struct Question {
  Name name;  // in lower case
  RrType type{};
  bool dnssec_ok = false;
  bool checking_disabled = false;

  // The same octets for equal questions, for tables. Class is always IN.
  std::string Key() const;
};

// The space that the longest question needs: header, name, type and class, OPT.
inline constexpr std::size_t kOptSize = 11;  // without options
inline constexpr std::size_t kQuestionSizeMax = kHeaderSize + Name::kWireMax + 4 + kOptSize;

// What we say that we take over UDP.
inline constexpr std::uint16_t kUpstreamUdpSize = 1'232;

// A question on its way: id, RD, AD, CD, the question, and an OPT without options. Returns its
// size.
std::size_t WriteQuestion(const Question& question, std::uint16_t id,
                          std::span<std::uint8_t, kQuestionSizeMax> space);

// Sets the case of each letter of `wire`, a name, by the bits of `random`; as many bits as a name
// can have letters.
using CaseBits = std::array<std::uint8_t, (Name::kWireMax + 7) / 8>;
void MixCase(std::span<std::uint8_t> wire, const CaseBits& random);

// Letters in the name: so many bits does a forger have to guess.
std::size_t LetterCount(const Name& name);

// True when both are the same octets, the case of letters too.
bool SameOctets(const Name& a, const Name& b);

}  // namespace summon::dns::forward
