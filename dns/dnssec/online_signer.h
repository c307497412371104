// SPDX-License-Identifier: Apache-2.0
#pragma once
// Signs answers while they are given, and remembers the signatures.
//
// The memory is keyed by what is signed, so changed data never meets an old signature. What the
// zones bound and what askers can make up are remembered apart, and have rates of their own: a
// flood of names that do not exist pushes no real name out, and takes nobody's turn to be signed.
// One thread.

#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/siphash.h"
#include "dns/dnssec/signature_cache.h"
#include "dns/signer.h"

namespace summon::dns::dnssec {

class ZoneKeyset;

// Plain numbers that only grow.
struct SigningCounters {
  std::uint64_t hits = 0;           // signatures from memory
  std::uint64_t made = 0;           // signatures computed
  std::uint64_t limited = 0;        // not computed: over the rate
  std::uint64_t clock_refused = 0;  // not computed: the clock shows a time before the key was made
  std::uint64_t failed = 0;         // not computed: the library would not
  std::uint64_t evicted = 0;        // forgotten for room
  std::uint64_t remembered = 0;     // now
};

class OnlineSigner final : public Signer {
 public:
  // Signatures a second for each of three: stored data, synthesized data, and askers over
  // connections. One takes some 26 us (docs/performance.md), so all three at most 16 % of a core.
  static constexpr std::uint32_t kSignaturesPerSecond = 2'000;
  // Of each kind of data: 12 MiB when full.
  static constexpr std::size_t kRememberedMax = 65'536;
  // Clocks of validators may be behind ours by so much.
  static constexpr std::int64_t kInceptionBeforeS = 3'600;

  struct Options {
    std::uint32_t signatures_per_s = kSignaturesPerSecond;
    std::size_t remembered_max = kRememberedMax;
    // The time of day, in nanoseconds since 1970: signatures say from when until when they hold.
    std::function<std::int64_t()> wall_nanos = WallNanos;
    // Somebody should know that the clock is wrong; called once a minute at most.
    std::function<void()> on_wrong_clock = [] {};
  };

  // `clock` measures the rate; it outlives the signer.
  OnlineSigner(const Clock& clock, Options options);

  SignOutcome Sign(const SetToSign& set, RrsigRdata& out) override;

  void set_signatures_per_s(std::uint32_t rate) { options_.signatures_per_s = rate; }
  SigningCounters counters() const;

 private:
  // So many signatures may be made now; filled with the rate, holding at most a second's worth.
  struct Bucket {
    double tokens = 0;
    Instant filled{};
    bool started = false;
  };

  SignatureCache::Key KeyOf(const SetToSign& set, const ZoneKeyset& keys);
  bool Take(Bucket& bucket);
  Bucket& BucketOf(const SetToSign& set);
  SignOutcome RefuseByClock();
  SignOutcome Make(const SetToSign& set, const ZoneKeyset& keys, std::uint64_t jitter,
                   SignatureCache::Entry& entry);

  const Clock& clock_;
  Options options_;
  SigningCounters counters_;
  SipKey first_hash_;
  SipKey second_hash_;
  SignatureCache stored_;
  SignatureCache synthesized_;
  Bucket stored_bucket_;
  Bucket synthesized_bucket_;
  Bucket proven_bucket_;
  Instant wrong_clock_told_ = Instant::min();
  std::vector<std::uint8_t> content_;  // scratch
};

}  // namespace summon::dns::dnssec
