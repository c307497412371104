// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 as its authors define it; checked against their test vectors.
#include "dns/siphash.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>

namespace summon::dns {

namespace {

constexpr std::size_t kWord = 8;

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void Round() {
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
  void Mix(std::uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

std::uint64_t LittleEndian(const std::uint8_t* octets, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{octets[i]} << (8 * i);
  return word;
}

}  // namespace

Result<SipKey> SipKey::Random() {
  SipKey key;
  if (getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) {
    return ErrnoError("read a random hash key", errno);
  }
  return key;
}

std::uint64_t SipHash24(const SipKey& key, Bytes data) {
  // The constants are "somepseudorandomlygeneratedbytes" in ASCII.
  SipState state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
                 key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
  const std::size_t whole = data.size() / kWord * kWord;
  for (std::size_t at = 0; at < whole; at += kWord) {
    state.Mix(LittleEndian(data.data() + at, kWord));
  }
  state.Mix(LittleEndian(data.data() + whole, data.size() - whole) |
            std::uint64_t{data.size()} << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace summon::dns
