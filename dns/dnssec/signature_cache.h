// SPDX-License-Identifier: Apache-2.0
#pragma once
// Signatures that were made, by what they are over. Bounded: the least recently used one goes.

#include <cstdint>
#include <list>
#include <unordered_map>

#include "dns/dnssec/key.h"

namespace summon::dns::dnssec {

class SignatureCache final {
 public:
  // Two keyed hashes of the content: what was signed is not kept to compare. That two contents of
  // a cache as large as ours share both has a chance of 2^-96, and would show as a bad signature.
  struct Key {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    std::int64_t inception = 0;  // seconds since 1970
    std::int64_t expiration = 0;
    Signature signature{};
  };

  // About 200 octets for each of `capacity` signatures, taken when they come. At least 1.
  explicit SignatureCache(std::size_t capacity) : capacity_(capacity) {}

  // Null when there is none. Valid until the next Put.
  const Entry* Find(const Key& key);
  // Takes the place of an older one.
  void Put(const Key& key, const Entry& entry);

  std::size_t size() const { return index_.size(); }
  std::uint64_t evicted() const { return evicted_; }

 private:
  struct Slot {
    Key key;
    Entry entry;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return key.first; }  // a keyed hash already
  };

  const std::size_t capacity_;
  std::uint64_t evicted_ = 0;
  std::list<Slot> slots_;  // the most recently used one first
  std::unordered_map<Key, std::list<Slot>::iterator, Hash> index_;
};

}  // namespace summon::dns::dnssec
