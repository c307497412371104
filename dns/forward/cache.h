// SPDX-License-Identifier: Apache-2.0
#pragma once
// Answers of upstream servers, kept for as long as they may be, and failures, kept for a moment.
//
// Whole answers to whole questions: a record of one answer is never used for another question, so
// what a server says about somebody else's name reaches nobody. Bounded in entries and in octets;
// the longest unused goes first. One loop thread; time is a parameter.

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/siphash.h"
#include "dns/forward/reply.h"
#include "dns/types.h"

namespace summon::dns::forward {

struct CacheLimits {
  std::size_t entries_max = 10'000;
  std::size_t octets_max = 16 << 20;  // with kEntryOverhead for each entry
  std::uint32_t ttl_max_s = 86'400;   // whatever the records say
  // RFC 2308 section 5 has one to three hours as a sensible most.
  std::uint32_t negative_ttl_max_s = 3'600;
  // How long after its end an answer may stand in for one that cannot be had (RFC 8767 section 5).
  std::uint32_t stale_max_s = 86'400;
  friend bool operator==(const CacheLimits&, const CacheLimits&) = default;
};

// What an entry costs beyond its octets: nodes of the table and the list, the key, places of TTLs.
inline constexpr std::size_t kEntryOverhead = 512;

// An answer as it came, from the header to the end of the authority section.
struct CachedAnswer {
  std::vector<std::uint8_t> message;
  Reply reply;
};

// A failure that is remembered, so that clients who insist do not make us insist too (RFC 9520).
struct CachedFailure {
  EdeCode reason = EdeCode::kNoReachableAuthority;
  std::uint32_t in_a_row = 0;
  Instant until{};
};
inline constexpr Duration kFailureTtlMin = std::chrono::seconds(1);
inline constexpr Duration kFailureTtlMax = std::chrono::seconds(5);

class Cache final {
 public:
  struct Entry {
    std::optional<CachedAnswer> answer;
    std::optional<CachedFailure> failure;
    Instant stored{};
    Instant fresh_until{};  // then it is stale
    bool refreshing = false;  // it has been asked for again already

    // Seconds since it was stored, and until it is stale; 0 when it is.
    std::uint32_t Age(Instant now) const;
    std::uint32_t Remaining(Instant now) const;
    bool FreshAt(Instant now) const { return answer && now < fresh_until; }
    // In the last tenth of its time.
    bool NearEnd(Instant now) const;
  };

  Cache(const CacheLimits& limits, SipKey key);
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // What is kept for the key (Question::Key), fresh, stale or a failure; null when there is nothing
  // that may still be used. Valid until the next call. Counts as use.
  Entry* Find(std::string_view key, Instant now);

  // Keeps the answer, if its Reply has a TTL above 0; else only forgets failures and staleness.
  void StoreAnswer(std::string_view key, CachedAnswer answer, Instant now);
  // Keeps that it failed, beside an answer that may be stale: 1, 2, 4 and then 5 seconds.
  void StoreFailure(std::string_view key, EdeCode reason, Instant now);

  std::size_t entries() const { return table_.size(); }
  std::size_t octets() const { return octets_; }
  std::uint64_t evicted() const { return evicted_; }
  const CacheLimits& limits() const { return limits_; }

 private:
  struct KeyHash {
    using is_transparent = void;
    SipKey key;
    std::size_t operator()(std::string_view text) const;
  };
  // Most recently used first. The keys stand in the table, whose nodes do not move.
  using Order = std::list<const std::string*>;
  struct Kept {
    Entry entry;
    Order::iterator place;
    std::size_t octets = 0;
  };
  using Table = std::unordered_map<std::string, Kept, KeyHash, std::equal_to<>>;

  Kept& Place(std::string_view key);
  void Weigh(const std::string& key, Kept& kept);
  void Remove(Table::iterator found);
  void Trim();

  const CacheLimits limits_;
  Table table_;
  Order order_;
  std::size_t octets_ = 0;
  std::uint64_t evicted_ = 0;
};

// Changes the TTLs in `records`, a copy of the records of `answer`: `age` less than there, and no
// more than `most`; all as `fixed` when that is given.
struct TtlChange {
  std::uint32_t age = 0;
  std::uint32_t most = 0x7fff'ffff;
  std::optional<std::uint32_t> fixed;
};
void RewriteTtls(const CachedAnswer& answer, const TtlChange& change,
                 std::span<std::uint8_t> records);

}  // namespace summon::dns::forward
