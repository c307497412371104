// SPDX-License-Identifier: Apache-2.0
#pragma once
// Folding case eight octets at a time: what every look-up of a name begins with.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "dns/name.h"

namespace summon::dns {

// Each of the eight octets of `word` with ASCII letters in lower case.
inline constexpr std::uint64_t FoldWord(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101'0101'0101'0101;
  const std::uint64_t low = word & kEach * 0x7f;
  // The upper bit of each octet says: at least 'A', above 'Z'.
  const std::uint64_t from_a = low + kEach * (0x80 - 'A');
  const std::uint64_t above_z = low + kEach * (0x7f - 'Z');
  const std::uint64_t upper = (from_a ^ above_z) & ~word & kEach * 0x80;
  return word | upper >> 2;  // 0x80 becomes 0x20
}

// The octets of a name in lower case, with room to be read by whole words.
class FoldedName {
 public:
  explicit FoldedName(Bytes wire) : size_(wire.size()) {
    std::size_t at = 0;
    for (; at + kWord <= wire.size(); at += kWord) {
      std::uint64_t word;
      std::memcpy(&word, wire.data() + at, kWord);
      word = FoldWord(word);
      std::memcpy(octets_.data() + at, &word, kWord);
    }
    for (; at < wire.size(); ++at) octets_[at] = FoldCase(wire[at]);
  }

  std::uint8_t operator[](std::size_t at) const { return octets_[at]; }
  std::size_t size() const { return size_; }
  // From an octet on to the end.
  Bytes From(std::size_t at) const { return Bytes(octets_.data() + at, size_ - at); }
  // Puts a wildcard's label in front of what begins at `at`, over what stands there.
  Bytes WildcardAt(std::size_t at) {
    octets_[at - 2] = 1;
    octets_[at - 1] = '*';
    return From(at - 2);
  }

 private:
  static constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::array<std::uint8_t, Name::kWireMax + 1> octets_;  // the first size_ mean anything
  std::size_t size_;
};

// True when `name`, in any case, is `folded`, which is in lower case.
inline bool EqualsFolded(Bytes name, Bytes folded) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (name.size() != folded.size()) return false;
  std::size_t at = 0;
  for (; at + kWord <= name.size(); at += kWord) {
    std::uint64_t a;
    std::uint64_t b;
    std::memcpy(&a, name.data() + at, kWord);
    std::memcpy(&b, folded.data() + at, kWord);
    if (FoldWord(a) != b) return false;
  }
  for (; at < name.size(); ++at) {
    if (FoldCase(name[at]) != folded[at]) return false;
  }
  return true;
}

}  // namespace summon::dns
