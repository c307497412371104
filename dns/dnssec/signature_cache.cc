// SPDX-License-Identifier: Apache-2.0
// A list in the order of use, and an index into it.
#include "dns/dnssec/signature_cache.h"

namespace summon::dns::dnssec {

const SignatureCache::Entry* SignatureCache::Find(const Key& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  slots_.splice(slots_.begin(), slots_, found->second);
  return &found->second->entry;
}

void SignatureCache::Put(const Key& key, const Entry& entry) {
  const auto found = index_.find(key);
  if (found != index_.end()) {
    found->second->entry = entry;
    slots_.splice(slots_.begin(), slots_, found->second);
    return;
  }
  if (index_.size() < capacity_) {
    slots_.push_front({key, entry});
  } else {
    ++evicted_;
    index_.erase(slots_.back().key);
    slots_.splice(slots_.begin(), slots_, std::prev(slots_.end()));
    slots_.front() = {key, entry};
  }
  index_.emplace(key, slots_.begin());
}

}  // namespace summon::dns::dnssec
