// SPDX-License-Identifier: Apache-2.0
#pragma once
// SipHash-2-4 (Aumasson and Bernstein, 2012): a hash with a secret key, for what a packet can reach
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
  constexpr void Mix(std::uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

constexpr std::uint64_t LittleEndian(const std::uint8_t* octets, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{octets[i]} << (8 * i);
  return word;
}

}  // namespace siphash

constexpr std::uint64_t SipHash24(const SipKey& key, Bytes data) {
  // The constants are "somepseudorandomlygeneratedbytes" in ASCII.
  siphash::State state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
                       key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
  const std::size_t whole = data.size() / siphash::kWord * siphash::kWord;
  for (std::size_t at = 0; at < whole; at += siphash::kWord) {
    state.Mix(siphash::LittleEndian(data.data() + at, siphash::kWord));
  }
  state.Mix(siphash::LittleEndian(data.data() + whole, data.size() - whole) |
            std::uint64_t{data.size()} << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace summon
