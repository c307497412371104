// SPDX-License-Identifier: Apache-2.0
// Token buckets in a table of fixed size; see the header.
#include "dns/rate_limit.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace summon::dns {

namespace {

constexpr std::uint32_t kWhole = 1000;  // one answer, in the unit of levels

// Places in a header and their bits (RFC 1035 section 4.1.1).
constexpr std::size_t kFlagsAt = 2;
constexpr unsigned kAuthoritativeBit = 0x04;
constexpr unsigned kTruncatedBit = 0x02;
constexpr unsigned kRcodeBits = 0x0f;
constexpr std::size_t kQuestionCountAt = 4;
constexpr std::size_t kAnswerCountAt = 6;
constexpr std::size_t kQuestionTail = 5;  // the root label, type and class
// OPT without options (RFC 6891 section 6.1.2).
constexpr std::size_t kBareOpt = 11;
constexpr std::size_t kOptRcodeAt = 5;

std::uint32_t Milliseconds(Instant at) {
  // Wraps: only differences are used.
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(ToNanos(at)) / 1'000'000);
}

std::uint32_t LevelMax(const RateLimitOptions& options, AnswerClass answer_class) {
  const std::uint32_t per_second =
      std::min(options.per_second[static_cast<std::size_t>(answer_class)],
               RateLimitOptions::kPerSecondMax);
  const std::uint64_t burst = std::uint64_t{per_second} * options.burst_factor;
  // Room for one answer more than any level, so that sums stay below 2^32.
  constexpr std::uint64_t kBurstMax = 0xffff'ffff / kWhole - 1;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(burst, 1, kBurstMax) * kWhole);
}

}  // namespace

std::string_view AnswerClassText(AnswerClass answer) {
  switch (answer) {
    case AnswerClass::kPositive: return "positive";
    case AnswerClass::kNoData: return "no_data";
    case AnswerClass::kNxDomain: return "nxdomain";
    case AnswerClass::kError: return "error";
  }
  return "error";
}

AnswerClass AnswerClassOf(const Response& response) {
  if (response.rcode == Rcode::kNxDomain) return AnswerClass::kNxDomain;
  if (response.rcode != Rcode::kNoError || response.bytes.size() < kHeaderSize) {
    return AnswerClass::kError;
  }
  const bool has_answer =
      response.bytes[kAnswerCountAt] != 0 || response.bytes[kAnswerCountAt + 1] != 0;
  return has_answer ? AnswerClass::kPositive : AnswerClass::kNoData;
}

RateLimiter::RateLimiter(const RateLimitOptions& options, SipKey key)
    : options_(options),
      key_(key),
      set_count_(std::bit_ceil(std::clamp(options_.buckets, RateLimitOptions::kBucketsMin,
                                          RateLimitOptions::kBucketsMax)) /
                 kWays),
      pages_(set_count_ * sizeof(Set)) {}

RateLimiter::Set& RateLimiter::SetOf(std::uint64_t hash) const {
  // SAFETY: pages are aligned for anything, and zeros are sets of unused buckets.
  return reinterpret_cast<Set*>(pages_.data())[hash & (set_count_ - 1)];
}

void RateLimiter::Refill(Bucket& bucket, std::uint32_t now_ms, std::uint32_t per_second,
                         std::uint32_t level_max) {
  const std::uint32_t passed = now_ms - bucket.refilled_ms;
  // More than half of the range is a clock that went back: the bucket keeps its time.
  constexpr std::uint32_t kBackwards = 0x8000'0000;
  if (passed >= kBackwards) return;
  // Thousandths of an answer in a millisecond are answers in a second: nothing is rounded away.
  const std::uint64_t level = bucket.level + std::uint64_t{passed} * per_second;
  bucket.level = static_cast<std::uint32_t>(std::min<std::uint64_t>(level, level_max));
  bucket.refilled_ms = now_ms;
}

RateLimiter::Bucket& RateLimiter::FindOrMake(std::uint64_t hash, std::uint32_t now_ms,
                                             std::uint32_t level_max) {
  Set& set = SetOf(hash);
  const auto tag = static_cast<std::uint32_t>(hash >> 32) | 1;  // 0 is an unused bucket
  Bucket* victim = &set.ways[0];
  std::uint64_t victim_age = 0;
  for (Bucket& bucket : set.ways) {
    if (bucket.tag == tag) return bucket;
    // Unused ones first, then the one that was not used for the longest time, then the fullest.
    const std::uint32_t passed = now_ms - bucket.refilled_ms;
    const std::uint64_t age = bucket.tag == 0 ? ~std::uint64_t{0} : passed;
    if (age < victim_age || (age == victim_age && bucket.level < victim->level)) continue;
    victim = &bucket;
    victim_age = age;
  }
  *victim = {tag, now_ms, level_max, 0};
  return *victim;
}

RateLimiter::Verdict RateLimiter::Judge(const Endpoint& client, const Answer& answer,
                                        Instant now) {
  const auto index = static_cast<std::size_t>(answer.answer_class);
  const std::uint32_t per_second =
      std::min(options_.per_second[index], RateLimitOptions::kPerSecondMax);
  if (per_second == 0) return Verdict::kSend;

  const Endpoint prefix = client.Prefix();
  constexpr std::size_t kPrefixOctets = 7;  // all that a /24 or a /56 has
  std::array<std::uint8_t, 16> words{};
  std::memcpy(words.data(), prefix.octets.data(), kPrefixOctets);
  words[kPrefixOctets] = static_cast<std::uint8_t>(
      index << 1 | (client.family == Endpoint::Family::kIpv6 ? 1u : 0u));
  std::memcpy(words.data() + 8, &answer.subject, sizeof answer.subject);

  const std::uint32_t now_ms = Milliseconds(now);
  const std::uint32_t level_max = LevelMax(options_, answer.answer_class);
  Bucket& bucket = FindOrMake(SipHash24(key_, words), now_ms, level_max);
  Refill(bucket, now_ms, per_second, level_max);
  if (bucket.level >= kWhole) {
    bucket.level -= kWhole;
    return Verdict::kSend;
  }
  ++bucket.suppressed;
  const bool slips = options_.slip != 0 && bucket.suppressed % options_.slip == 0;
  return slips ? Verdict::kSlip : Verdict::kDrop;
}

Response MakeSlip(const Response& full, std::span<std::uint8_t> space) {
  // Our own answers have the question's name in full, right after the header.
  std::size_t end = kHeaderSize;
  const bool has_question = full.bytes[kQuestionCountAt + 1] != 0;
  if (has_question) {
    while (full.bytes[end] != 0) end += std::size_t{1} + full.bytes[end];
    end += kQuestionTail;
  }
  std::copy_n(full.bytes.begin(), end, space.begin());
  space[kFlagsAt] = static_cast<std::uint8_t>((space[kFlagsAt] & ~kAuthoritativeBit) |
                                              kTruncatedBit);
  space[kFlagsAt + 1] = static_cast<std::uint8_t>(space[kFlagsAt + 1] & ~kRcodeBits);
  std::fill_n(space.begin() + kAnswerCountAt, kHeaderSize - kAnswerCountAt, std::uint8_t{0});
  if (full.opt_size >= kBareOpt) {
    const Bytes opt = full.bytes.last(full.opt_size);
    const auto into = space.subspan(end);
    std::copy_n(opt.begin(), kBareOpt, into.begin());
    into[kOptRcodeAt] = 0;  // the upper bits of the RCODE
    into[kBareOpt - 2] = into[kBareOpt - 1] = 0;  // no options
    space[kHeaderSize - 1] = 1;
    end += kBareOpt;
  }
  Response slip;
  slip.bytes = space.first(end);
  slip.truncated = true;
  return slip;
}

}  // namespace summon::dns
