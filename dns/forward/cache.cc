// SPDX-License-Identifier: Apache-2.0
// The cache; see the header.
#include "dns/forward/cache.h"

#include <algorithm>

#include "base/check.h"

namespace summon::dns::forward {

namespace {

using std::chrono::seconds;

constexpr std::uint32_t kTtlMax = 0x7fff'ffff;

// How long after `fresh_until` an entry may still be of use.
Instant UsefulUntil(const Cache::Entry& entry, const CacheLimits& limits) {
  Instant until{};
  if (entry.answer) until = entry.fresh_until + seconds(limits.stale_max_s);
  if (entry.failure) until = std::max(until, entry.failure->until + kFailureTtlMax);
  return until;
}

std::uint32_t WholeSeconds(Duration time) {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<seconds>(time).count()));
}

}  // namespace

std::uint32_t Cache::Entry::Age(Instant now) const { return WholeSeconds(now - stored); }

std::uint32_t Cache::Entry::Remaining(Instant now) const { return WholeSeconds(fresh_until - now); }

bool Cache::Entry::NearEnd(Instant now) const {
  constexpr int kTenth = 10;
  return FreshAt(now) && (fresh_until - now) * kTenth <= fresh_until - stored;
}

std::size_t Cache::KeyHash::operator()(std::string_view text) const {
  // SAFETY: char and uint8_t have the same representation.
  return SipHash24(key, Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Cache::Cache(const CacheLimits& limits, SipKey key) : limits_(limits), table_(16, KeyHash{key}) {}

Cache::Entry* Cache::Find(std::string_view key, Instant now) {
  const auto found = table_.find(key);
  if (found == table_.end()) return nullptr;
  Kept& kept = found->second;
  if (now >= UsefulUntil(kept.entry, limits_)) {
    Remove(found);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, kept.place);
  return &kept.entry;
}

void Cache::StoreAnswer(std::string_view key, CachedAnswer answer, Instant now) {
  const std::uint32_t cap =
      answer.reply.negative ? limits_.negative_ttl_max_s : limits_.ttl_max_s;
  const std::uint32_t ttl = std::min(answer.reply.ttl.value_or(0), cap);
  if (ttl == 0) {
    if (const auto found = table_.find(key); found != table_.end()) Remove(found);
    return;
  }
  Kept& kept = Place(key);
  kept.entry.answer = std::move(answer);
  kept.entry.failure.reset();
  kept.entry.stored = now;
  kept.entry.fresh_until = now + seconds(ttl);
  kept.entry.refreshing = false;
  Weigh(**kept.place, kept);
  Trim();
}

void Cache::StoreFailure(std::string_view key, EdeCode reason, Instant now) {
  Kept& kept = Place(key);
  const std::uint32_t before = kept.entry.failure ? kept.entry.failure->in_a_row : 0;
  CachedFailure failure;
  failure.reason = reason;
  failure.in_a_row = before + 1;
  constexpr std::uint32_t kDoublingsMax = 3;
  failure.until =
      now + std::min(kFailureTtlMax, kFailureTtlMin * (1 << std::min(before, kDoublingsMax)));
  kept.entry.failure = failure;
  kept.entry.refreshing = false;
  Weigh(**kept.place, kept);
  Trim();
}

Cache::Kept& Cache::Place(std::string_view key) {
  auto found = table_.find(key);
  if (found == table_.end()) {
    found = table_.emplace(std::string(key), Kept{}).first;
    order_.push_front(&found->first);
    found->second.place = order_.begin();
  } else {
    order_.splice(order_.begin(), order_, found->second.place);
  }
  return found->second;
}

void Cache::Weigh(const std::string& key, Kept& kept) {
  octets_ -= kept.octets;
  kept.octets = kEntryOverhead + 2 * key.size() +
                (kept.entry.answer ? kept.entry.answer->message.capacity() : 0);
  octets_ += kept.octets;
}

void Cache::Remove(Table::iterator found) {
  octets_ -= found->second.octets;
  order_.erase(found->second.place);
  table_.erase(found);
}

void Cache::Trim() {
  while (table_.size() > limits_.entries_max || octets_ > limits_.octets_max) {
    const auto oldest = table_.find(*order_.back());
    SUMMON_CHECK(oldest != table_.end());
    Remove(oldest);
    ++evicted_;
    if (table_.empty()) return;
  }
}

void RewriteTtls(const CachedAnswer& answer, const TtlChange& change,
                 std::span<std::uint8_t> records) {
  const Bytes message(answer.message);
  SUMMON_CHECK(records.size() == answer.reply.records_end - answer.reply.records_at);
  ForEachTtl(message, answer.reply, [&](std::size_t at) {
    ByteReader reader(message.subspan(at, 4));
    const std::uint32_t ttl = *reader.Be32();
    const bool alive = ttl > change.age && ttl <= kTtlMax;  // above: 0 (RFC 2181 section 8)
    const std::uint32_t left =
        change.fixed ? *change.fixed : alive ? std::min(ttl - change.age, change.most) : 0;
    ByteWriter writer(records.subspan(at - answer.reply.records_at, 4));
    (void)writer.Be32(left);  // four octets fit
  });
}

}  // namespace summon::dns::forward
