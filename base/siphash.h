// SPDX-License-Identifier: Apache-2.0
#pragma once
// SipHash (Aumasson and Bernstein, 2012): a hash with a secret key, for what a packet can reach
// and nobody outside may predict: places in a table, initial sequence numbers.
//
// Header only and without a C library: guests use it too. Checked against its authors' vectors.

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace summon {

// Secret; from a random source.
struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

namespace siphash {

inline constexpr std::size_t kWord = 8;

struct State {
  std::uint64_t v0, v1, v2, v3;

  constexpr void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  template <int kRounds>
  constexpr void Mix(std::uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) Round();
    v0 ^= word;
  }
};

constexpr std::uint64_t LittleEndian(const std::uint8_t* octets, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{octets[i]} << (8 * i);
  return word;
}

// A whole word, in a form that compilers see as one load.
constexpr std::uint64_t LittleEndianWord(const std::uint8_t* octets) {
  return std::uint64_t{octets[0]} | std::uint64_t{octets[1]} << 8 | std::uint64_t{octets[2]} << 16 |
         std::uint64_t{octets[3]} << 24 | std::uint64_t{octets[4]} << 32 |
         std::uint64_t{octets[5]} << 40 | std::uint64_t{octets[6]} << 48 |
         std::uint64_t{octets[7]} << 56;
}

template <int kMixRounds, int kFinalRounds>
constexpr std::uint64_t Hash(const SipKey& key, Bytes data) {
  // The constants are "somepseudorandomlygeneratedbytes" in ASCII.
  State state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
              key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
  const std::size_t whole = data.size() / kWord * kWord;
  for (std::size_t at = 0; at < whole; at += kWord) {
    state.Mix<kMixRounds>(LittleEndianWord(data.data() + at));
  }
  state.Mix<kMixRounds>(LittleEndian(data.data() + whole, data.size() - whole) |
                        std::uint64_t{data.size()} << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < kFinalRounds; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace siphash

constexpr std::uint64_t SipHash24(const SipKey& key, Bytes data) {
  return siphash::Hash<2, 4>(key, data);
}

// SipHash-1-3: half the work; for places in a table, where an attacker sees no hash and only time
// could tell a collision. Not for what is sent, such as cookies.
constexpr std::uint64_t SipHash13(const SipKey& key, Bytes data) {
  return siphash::Hash<1, 3>(key, data);
}

}  // namespace summon
