// SPDX-License-Identifier: Apache-2.0
// Finding, making and renewing signatures; see the header.
#include "dns/dnssec/online_signer.h"

#include <openssl/rand.h>

#include <algorithm>

#include "base/check.h"
#include "dns/dnssec/canonical.h"
#include "dns/dnssec/zone_keyset.h"

namespace summon::dns::dnssec {

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
// A signature is renewed when less than this part of its life is left.
constexpr std::int64_t kRenewPart = 4;
// Lives differ by up to this part, so that what was signed together is not renewed together.
constexpr std::int64_t kJitterPart = 16;

SipKey RandomKey() {
  SipKey key{};
  // SAFETY: a SipKey is two plain numbers; every value is one.
  const int got = RAND_bytes(reinterpret_cast<unsigned char*>(&key), sizeof key);
  SUMMON_CHECK(got == 1);  // without randomness no signature can be made either
  return key;
}

void Append(std::vector<std::uint8_t>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void AppendNumber(std::vector<std::uint8_t>& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void Complete(const SetToSign& set, const ZoneKeyset& keys, const SignatureCache::Entry& entry,
              RrsigRdata& out) {
  out = RrsigHead(set, {.inception = entry.inception,
                        .expiration = entry.expiration,
                        .key_tag = keys.active().tag()});
  std::copy(entry.signature.begin(), entry.signature.end(),
            out.octets.begin() + static_cast<std::ptrdiff_t>(out.size));
  out.size += entry.signature.size();
}

}  // namespace

OnlineSigner::OnlineSigner(const Clock& clock, Options options)
    : clock_(clock),
      options_(std::move(options)),
      first_hash_(RandomKey()),
      second_hash_(RandomKey()),
      stored_(options_.remembered_max),
      synthesized_(options_.remembered_max) {}

SigningCounters OnlineSigner::counters() const {
  SigningCounters now = counters_;
  now.evicted = stored_.evicted() + synthesized_.evicted();
  now.remembered = stored_.size() + synthesized_.size();
  return now;
}

// All that the signature depends on but the time.
SignatureCache::Key OnlineSigner::KeyOf(const SetToSign& set, const ZoneKeyset& keys) {
  // Of the key a part that no other has: its numbers are as good as random.
  constexpr std::size_t kKeyAt = 4, kKeyPart = 16;
  content_.clear();
  Append(content_, Bytes(keys.active().dnskey()).subspan(kKeyAt, kKeyPart));
  const std::size_t names_at = content_.size();
  Append(content_, set.apex.wire());
  Append(content_, set.owner.wire());
  std::transform(content_.begin() + static_cast<std::ptrdiff_t>(names_at), content_.end(),
                 content_.begin() + static_cast<std::ptrdiff_t>(names_at), FoldCase);
  AppendNumber(content_, static_cast<std::uint64_t>(set.type) << 32 | set.original_ttl);
  AppendNumber(content_, static_cast<std::uint64_t>(keys.validity().count()));
  for (const Bytes rdata : set.rdatas) {
    AppendNumber(content_, rdata.size());
    Append(content_, rdata);
  }
  return {SipHash24(first_hash_, content_), SipHash24(second_hash_, content_)};
}

bool OnlineSigner::Take(Bucket& bucket) {
  const Instant now = clock_.Now();
  const double rate = options_.signatures_per_s;
  if (!bucket.started) {
    bucket = {.tokens = rate, .filled = now, .started = true};
  } else if (now > bucket.filled) {
    const double passed = std::chrono::duration<double>(now - bucket.filled).count();
    bucket.tokens = std::min(rate, bucket.tokens + passed * rate);
    bucket.filled = now;
  }
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

OnlineSigner::Bucket& OnlineSigner::BucketOf(const SetToSign& set) {
  if (set.asker_proven) return proven_bucket_;
  return set.provenance == Provenance::kStored ? stored_bucket_ : synthesized_bucket_;
}

SignOutcome OnlineSigner::RefuseByClock() {
  constexpr Duration kTellEvery = std::chrono::minutes(1);
  ++counters_.clock_refused;
  const Instant now = clock_.Now();
  if (wrong_clock_told_ == Instant::min() || now - wrong_clock_told_ >= kTellEvery) {
    wrong_clock_told_ = now;
    options_.on_wrong_clock();
  }
  return SignOutcome::kRefused;
}

SignOutcome OnlineSigner::Make(const SetToSign& set, const ZoneKeyset& keys, std::uint64_t jitter,
                               SignatureCache::Entry& entry) {
  const std::int64_t now = options_.wall_nanos() / kNanosPerSecond;
  if (now < keys.created()) return RefuseByClock();
  if (!Take(BucketOf(set))) {
    ++counters_.limited;
    return SignOutcome::kLimited;
  }
  const std::int64_t validity = keys.validity().count();
  const auto spread = static_cast<std::uint64_t>(std::max<std::int64_t>(1, validity / kJitterPart));
  entry.inception = now - kInceptionBeforeS;
  entry.expiration = now + validity - static_cast<std::int64_t>(jitter % spread);
  const RrsigRdata head = RrsigHead(set, {.inception = entry.inception,
                                          .expiration = entry.expiration,
                                          .key_tag = keys.active().tag()});
  if (!keys.active().Sign(SignedOctets(set, head), entry.signature)) {
    ++counters_.failed;
    return SignOutcome::kRefused;
  }
  ++counters_.made;
  return SignOutcome::kSigned;
}

SignOutcome OnlineSigner::Sign(const SetToSign& set, RrsigRdata& out) {
  // A zone's keys are made by this folder only.
  const auto& keys = static_cast<const ZoneKeyset&>(set.keys);
  const SignatureCache::Key key = KeyOf(set, keys);
  SignatureCache& cache = set.provenance == Provenance::kStored ? stored_ : synthesized_;
  const SignatureCache::Entry* known = cache.Find(key);
  const std::int64_t now = options_.wall_nanos() / kNanosPerSecond;
  // A clock that was set back may stand before the inception, or before the key.
  const bool is_valid = known && now >= known->inception && now < known->expiration &&
                        now >= keys.created();
  if (is_valid && known->expiration - now >= keys.validity().count() / kRenewPart) {
    ++counters_.hits;
    Complete(set, keys, *known, out);
    return SignOutcome::kSigned;
  }
  SignatureCache::Entry entry;
  const SignOutcome outcome = Make(set, keys, key.second, entry);
  if (outcome == SignOutcome::kSigned) {
    cache.Put(key, entry);
    Complete(set, keys, entry, out);
    return outcome;
  }
  if (!is_valid) return outcome;
  ++counters_.hits;  // old, and good still: renewed when there is time
  Complete(set, keys, *known, out);
  return SignOutcome::kSigned;
}

}  // namespace summon::dns::dnssec
