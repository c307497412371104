// SPDX-License-Identifier: Apache-2.0
#pragma once
// Response-rate limiting: how many answers of one kind one network gets over UDP.
//
// A sender who writes another's address on its questions turns answers into a weapon against that
// other. So each pair of a client's network and a kind of answer has a bucket of tokens, one for
// each answer; when it is empty, most answers are dropped and some go out truncated and empty
// ("slip"): a real client then asks over TCP, which no false address can.
//
// Pure: no clock, no allocation after the construction, bounded memory. The table has a fixed
// number of buckets in sets of kWays; a bucket is found by a keyed hash, so nobody outside can aim
// two networks at one set. When a set is full, the bucket that was not used for the longest time
// makes room: once it has filled up again it is as good as none. One table for each thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/clock.h"
#include "base/siphash.h"
#include "dns/acl.h"
#include "dns/endpoint.h"
#include "dns/pages.h"
#include "dns/response.h"

namespace summon::dns {

// What an answer is, for limiting. Also counted by.
enum class AnswerClass : std::uint8_t {
  kPositive,  // has records of what was asked
  kNoData,    // has none, or refers to other servers
  kNxDomain,  // there is no such name
  kError,     // everything else: refused, malformed, failed
};
inline constexpr std::size_t kAnswerClasses = 4;
std::string_view AnswerClassText(AnswerClass answer);  // "positive", "no_data", ...
AnswerClass AnswerClassOf(const Response& response);

struct RateLimitOptions {
  static constexpr std::uint32_t kPerSecondMax = 1'000'000;
  static constexpr std::uint32_t kBurstFactorMax = 100;
  static constexpr std::size_t kBucketsMin = 1 << 10;
  static constexpr std::size_t kBucketsMax = 1 << 24;

  // Answers a second for one network, by AnswerClass; 0: no limit for the class.
  std::array<std::uint32_t, kAnswerClasses> per_second = {20, 20, 10, 5};
  // A network that was quiet has saved up so many seconds' worth.
  std::uint32_t burst_factor = 2;
  // Each so manieth answer that is over the limit goes out truncated; 0: none, 1: all.
  std::uint32_t slip = 2;
  std::size_t buckets = 1 << 16;  // rounded up to a power of two; 16 octets each
  // Whose answers are not limited.
  PrefixList exempt;
};

class RateLimiter {
 public:
  enum class Verdict : std::uint8_t { kSend, kSlip, kDrop };

  RateLimiter(const RateLimitOptions& options, SipKey key);
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;
  RateLimiter(RateLimiter&&) noexcept = default;
  RateLimiter& operator=(RateLimiter&&) noexcept = default;

  // Whether answers to `client` need a verdict at all. Clients that have proved their address need
  // none either; their caller knows.
  bool Limits(const Endpoint& client) const { return !options_.exempt.Contains(client); }

  struct Answer {
    AnswerClass answer_class = AnswerClass::kPositive;
    // Which name (positive answers) or zone (the others) it is about, see Response::subject.
    std::uint64_t subject = 0;
  };
  // Takes a token for one answer to `client` at `now`. Time that goes backwards refills nothing.
  Verdict Judge(const Endpoint& client, const Answer& answer, Instant now);

  const RateLimitOptions& options() const { return options_; }

 private:
  static constexpr std::size_t kWays = 4;  // buckets of a set: one cache line

  struct Bucket {
    std::uint32_t tag = 0;
    std::uint32_t refilled_ms = 0;  // wraps after 49 days, see Refill
    std::uint32_t level = 0;        // thousandths of an answer
    std::uint32_t suppressed = 0;   // answers over the limit; for slip
  };
  struct alignas(sizeof(Bucket) * kWays) Set {
    std::array<Bucket, kWays> ways{};
  };
  static_assert(std::is_trivially_copyable_v<Set>);

  static void Refill(Bucket& bucket, std::uint32_t now_ms, std::uint32_t per_second,
                     std::uint32_t level_max);
  Bucket& FindOrMake(std::uint64_t hash, std::uint32_t now_ms, std::uint32_t level_max);

  Set& SetOf(std::uint64_t hash) const;

  RateLimitOptions options_;
  SipKey key_;
  std::size_t set_count_;  // a power of two
  // The sets, which begin as zeros: where nobody is limited they cost no memory.
  Pages pages_;
};

// What goes out in place of `full` to say "ask over TCP": its header with TC, its question, and a
// bare OPT when it has one. Never longer than `full`. Written to `space`, of kUdpSizeMin octets.
Response MakeSlip(const Response& full, std::span<std::uint8_t> space);

}  // namespace summon::dns
