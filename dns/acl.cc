// SPDX-License-Identifier: Apache-2.0
// Matching addresses against lists; see the header.
#include "dns/acl.h"

#include <algorithm>

namespace summon::dns {

namespace {

constexpr std::size_t kWord = 8;

std::uint64_t BigEndian(const std::uint8_t* octets) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < kWord; ++i) word = word << 8 | octets[i];
  return word;
}

// The first `bits` of a word of 64.
std::uint64_t MaskOf(unsigned bits) { return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits); }

std::string_view TextOf(Bytes wire) {
  // SAFETY: char and uint8_t have the same representation.
  return {reinterpret_cast<const char*>(wire.data()), wire.size()};
}

}  // namespace

PrefixList::PrefixList(const std::vector<IpPrefix>& prefixes) {
  const std::size_t count = std::min(prefixes.size(), kPrefixesMax);
  for (std::size_t i = 0; i < count; ++i) {
    const IpPrefix& prefix = prefixes[i];
    const auto family = static_cast<std::size_t>(prefix.family);
    if (prefix.length == 0) everybody_[family] = true;
    const unsigned length = prefix.length;
    entries_[family].push_back({BigEndian(prefix.octets.data()),
                                BigEndian(prefix.octets.data() + kWord),
                                MaskOf(std::min(length, 64u)),
                                MaskOf(length > 64 ? length - 64 : 0)});
  }
}

PrefixList PrefixList::Everybody() {
  PrefixList list;
  list.everybody_ = {true, true};
  return list;
}

bool PrefixList::Contains(const Endpoint& client) const {
  // The two families have the same values in the same order.
  static_assert(static_cast<int>(IpPrefix::Family::kIpv6) ==
                static_cast<int>(Endpoint::Family::kIpv6));
  const auto family = static_cast<std::size_t>(client.family);
  if (everybody_[family]) return true;
  const std::uint64_t high = BigEndian(client.octets.data());
  const std::uint64_t low = BigEndian(client.octets.data() + kWord);
  return std::any_of(entries_[family].begin(), entries_[family].end(), [&](const Entry& entry) {
    return (high & entry.high_mask) == entry.high && (low & entry.low_mask) == entry.low;
  });
}

std::size_t ZoneAccess::KeyHash::operator()(std::string_view wire) const {
  // SAFETY: char and uint8_t have the same representation.
  return SipHash24(key, {reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()});
}

void ZoneAccess::Add(const Name& apex, PrefixList list) {
  if (!list.is_everybody()) open_ = false;
  const Name lowered = apex.Lowered();
  zones_.insert_or_assign(std::string(TextOf(lowered.wire())), std::move(list));
}

const PrefixList& ZoneAccess::Find(const Name& name) const {
  const Name lowered = name.Lowered();
  std::string_view wire = TextOf(lowered.wire());
  while (true) {
    if (const auto found = zones_.find(wire); found != zones_.end()) return found->second;
    if (wire.size() <= 1) return everybody_;
    wire.remove_prefix(1 + static_cast<std::uint8_t>(wire.front()));
  }
}

}  // namespace summon::dns
