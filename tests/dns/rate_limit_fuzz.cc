// SPDX-License-Identifier: Apache-2.0
// Shares of answers against a model that counts without a table, whatever time does.
//
// The input is a first time, rates and a row of steps: the clock goes on or back, or stamps wrap,
// and one of a few networks asks. Promises: a network never gets more in full than its burst and
// what its rate gives for the time that really passed forwards; and while the clock only goes on,
// and fewer networks ask than a set has buckets, exactly what the model says.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "dns/rate_limit.h"

namespace {

using summon::Instant;
using summon::dns::AnswerClass;
using summon::dns::Endpoint;
using summon::dns::RateLimiter;

// Networks that ask; as many as surely have a bucket each.
constexpr std::size_t kNetworks = 4;

// One bucket by the definition, in thousandths of an answer.
struct Model {
  bool known = false;
  std::int64_t at_ms = 0;
  std::int64_t level = 0;

  bool Take(std::int64_t now_ms, std::int64_t per_second, std::int64_t level_max) {
    if (!known) {
      known = true;
      at_ms = now_ms;
      level = level_max;
    }
    if (now_ms > at_ms) {
      level = std::min(level_max, level + (now_ms - at_ms) * per_second);
      at_ms = now_ms;
    }
    if (level < 1000) return false;
    level -= 1000;
    return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  summon::ByteReader reader({data, size});
  const auto start_ms = reader.Be32();  // near the wrap of 32 bits, if the input likes
  const auto per_second = reader.Be16();
  const auto burst_factor = reader.U8();
  if (!start_ms || !per_second || !burst_factor) return 0;
  summon::dns::RateLimitOptions options;
  options.per_second.fill(*per_second);
  options.burst_factor = *burst_factor;
  options.buckets = summon::dns::RateLimitOptions::kBucketsMin;
  RateLimiter limiter(options, {1, 2});
  const std::int64_t burst = std::int64_t{*per_second} * *burst_factor;
  const std::int64_t level_max = std::clamp<std::int64_t>(burst, 1, 4'294'966) * 1000;

  std::array<Model, kNetworks> models;
  std::int64_t now_ms = *start_ms;
  while (true) {
    const auto step = reader.Be16();
    if (!step) return 0;
    // Two bits: which network. One bit: forth or back. The rest: how far, at most 8.2 s.
    const std::size_t network = *step & 3u;
    const std::int64_t distance = *step >> 3;
    now_ms = (*step & 4u) != 0 ? std::max<std::int64_t>(0, now_ms - distance) : now_ms + distance;
    const Endpoint client = Endpoint::Ipv4(
        summon::Ipv4Address{{192, 0, static_cast<std::uint8_t>(network), 1}}, 53);
    const auto verdict = limiter.Judge(client, {AnswerClass::kPositive, 1},
                                       summon::InstantFromNanos(now_ms * 1'000'000));
    const bool sent = verdict == RateLimiter::Verdict::kSend;
    const bool expected =
        *per_second == 0 || models[network].Take(now_ms, *per_second, level_max);
    SUMMON_CHECK(sent == expected);
  }
}
