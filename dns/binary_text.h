// SPDX-License-Identifier: Apache-2.0
#pragma once
// Octets as hexadecimal and base64 (RFC 4648), as records write digests and keys.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace summon::dns {

// Take a text in pieces, as white space may stand anywhere in it; Finish() is false when it ended
// in the middle of an octet. Both append to `out` of the caller.
class HexReader {
 public:
  explicit HexReader(std::vector<std::uint8_t>& out) : out_(out) {}
  bool Add(std::string_view text);
  bool Finish() const { return !half_; }

 private:
  std::vector<std::uint8_t>& out_;
  bool half_ = false;
  std::uint8_t high_ = 0;
};

class Base64Reader {
 public:
  explicit Base64Reader(std::vector<std::uint8_t>& out) : out_(out) {}
  bool Add(std::string_view text);
  bool Finish() const { return count_ % 4 == 0 && (bits_ == 0 || padding_ > 0); }

 private:
  std::vector<std::uint8_t>& out_;
  std::uint32_t bits_ = 0;  // what has not made an octet yet
  int held_ = 0;            // how many bits those are
  std::size_t count_ = 0;   // characters, padding included
  int padding_ = 0;
};

std::string HexText(Bytes octets);
std::string Base64Text(Bytes octets);

}  // namespace summon::dns
