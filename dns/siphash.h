// SPDX-License-Identifier: Apache-2.0
#pragma once
// SipHash-2-4 (Aumasson and Bernstein, 2012): a hash with a secret key.
//
// Every table that a packet can reach is hashed with it, so that nobody outside can choose names
// that collide.

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace summon::dns {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;

  // A key from the system's random source, read once. Does not block after boot.
  static Result<SipKey> Random();
};

std::uint64_t SipHash24(const SipKey& key, Bytes data);

}  // namespace summon::dns
