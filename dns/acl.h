// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who may: lists of networks, and the list of each zone.
//
// Pure values, made when the configuration is read and never changed: any thread may look.

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/prefix.h"
#include "base/siphash.h"
#include "dns/endpoint.h"
#include "dns/name.h"

namespace summon::dns {

class PrefixList {
 public:
  // Bounds the time of one look, which goes through the list.
  static constexpr std::size_t kPrefixesMax = 256;

  // Nobody.
  PrefixList() = default;
  // At most kPrefixesMax count; the rest is left out (the configuration refuses a longer list).
  explicit PrefixList(const std::vector<IpPrefix>& prefixes);
  static PrefixList Everybody();

  bool Contains(const Endpoint& client) const;
  bool is_everybody() const { return everybody_[0] && everybody_[1]; }

 private:
  // The first 128 bits of what it matches; IPv4 stands in the first 32 of them.
  struct Entry {
    std::uint64_t high = 0, low = 0;
    std::uint64_t high_mask = 0, low_mask = 0;
  };
  // By Endpoint::Family.
  std::array<std::vector<Entry>, 2> entries_;
  std::array<bool, 2> everybody_{};
};

// Who may ask for the names of each zone. A name is under the list of the nearest zone above it;
// names in no zone are open to everybody, and so is what an alias of an open zone leads to.
class ZoneAccess {
 public:
  explicit ZoneAccess(SipKey key) : zones_(16, KeyHash{key}) {}

  // Tell every zone, or the names of one that is open are under the list of the zone above.
  void Add(const Name& apex, PrefixList list);

  bool MayQuery(const Name& name, const Endpoint& client) const {
    return open_ || Find(name).Contains(client);
  }

 private:
  // Keys are wire forms in lower case.
  struct KeyHash {
    using is_transparent = void;
    SipKey key;
    std::size_t operator()(std::string_view wire) const;
  };
  const PrefixList& Find(const Name& name) const;

  std::unordered_map<std::string, PrefixList, KeyHash, std::equal_to<>> zones_;
  PrefixList everybody_ = PrefixList::Everybody();
  bool open_ = true;  // to everybody: nothing to look up
};

}  // namespace summon::dns
