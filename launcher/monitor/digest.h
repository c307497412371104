// SPDX-License-Identifier: Apache-2.0
#pragma once
// Digests by which images, orders and saved files are known again. XXH3 with 128 bits: it finds
// damage and mistakes at memory speed. It does not withstand somebody who wants two things to look
// the same; who may write our files could do worse.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace summon::launcher {

struct Digest {
  std::array<std::uint8_t, 16> bytes{};
  friend bool operator==(const Digest&, const Digest&) = default;
  std::string ToString() const;  // 32 lower-case hexadecimal digits
};

// Takes bytes piece by piece.
class Hasher final {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Add(Bytes bytes);
  Digest Finish() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Of the parts one after the other.
Digest DigestOf(const std::vector<Bytes>& parts);

// Of the `size` first bytes of a file. May block.
Result<Digest> DigestOfFile(int file, std::uint64_t size);

}  // namespace summon::launcher
