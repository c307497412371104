// SPDX-License-Identifier: Apache-2.0
// Buckets and cool-downs; see the header.
#include "summoner/wake_budget.h"

#include <algorithm>

namespace summon::summoner {

namespace {

constexpr std::int64_t kWhole = 1'000'000'000;  // one boot
constexpr Duration kHour = std::chrono::hours(1);

// `from` + `length`, or kNever when that is later than any instant.
Instant After(Instant from, Duration length) {
  return kNever - from > length ? from + length : kNever;
}

}  // namespace

std::string_view WakeVerdictName(WakeVerdict verdict) {
  switch (verdict) {
    case WakeVerdict::kBoot: return "boot";
    case WakeVerdict::kProve: return "prove";
    case WakeVerdict::kCoolDown: return "cool_down";
    case WakeVerdict::kUnproven: return "unproven";
    case WakeVerdict::kRate: return "rate";
    case WakeVerdict::kInFlight: return "in_flight";
    case WakeVerdict::kPrefixRate: return "prefix_rate";
    case WakeVerdict::kPrefixHour: return "prefix_hour";
  }
  return "rate";
}

WakeBudget::WakeBudget(const WakeLimits& limits) : limits_(limits) {}

WakeBudget::Flow WakeBudget::GlobalFlow() const {
  return {std::int64_t{limits_.boots_burst} * kWhole, limits_.boots_per_second, Duration(1)};
}

WakeBudget::Flow WakeBudget::PrefixFlow() const {
  const std::int64_t level_max = std::int64_t{limits_.prefix_boots} * kWhole;
  constexpr Duration kStep = std::chrono::microseconds(1);
  const std::int64_t steps = std::max<std::int64_t>(1, limits_.prefix_window / kStep);
  return {level_max, std::max<std::int64_t>(1, level_max / steps), kStep};
}

void WakeBudget::Refill(Bucket& bucket, const Flow& flow, Instant now) {
  if (!bucket.filled) {
    bucket = {now, flow.level_max, true};
    return;
  }
  // A clock that goes back refills nothing, and a limit that was lowered holds at once.
  bucket.level = std::min(bucket.level, flow.level_max);
  if (now <= bucket.refilled || flow.gain == 0) return;
  const std::int64_t steps = (now - bucket.refilled) / flow.step;
  // Division first: the product could not be held for a long silence.
  if (steps > (flow.level_max - bucket.level) / flow.gain) {
    bucket.level = flow.level_max;
    bucket.refilled = now;
  } else {
    bucket.level += steps * flow.gain;
    bucket.refilled += steps * flow.step;  // what is left over counts next time
  }
}

bool WakeBudget::CoolsDown(ServiceId service, Instant now) const {
  const auto found = services_.find(service);
  if (found == services_.end()) return false;
  constexpr std::uint32_t kDoublingsMax = 32;  // far beyond any cool_down_max
  const std::uint32_t doublings = std::min(found->second.fruitless, kDoublingsMax);
  Duration wait = limits_.service_interval;
  for (std::uint32_t i = 0; i < doublings && wait < limits_.cool_down_max; ++i) {
    wait = std::min(wait, limits_.cool_down_max / 2) * 2;
  }
  return now < After(found->second.booted, wait);
}

void WakeBudget::FeelPressure(const Lookup& lookup, const Load& load, Instant now) {
  Refill(global_, GlobalFlow(), now);
  Refill(unproven_, GlobalFlow(), now);
  if (lookup.proof == Proof::kNone) {
    unproven_.level = std::max<std::int64_t>(0, unproven_.level - kWhole);
  }
  const std::int64_t full = GlobalFlow().level_max;
  const bool pressed = global_.level < full / 4 || unproven_.level < full / 4 ||
                       std::uint64_t{load.queued} * 2 > limits_.queue_max;
  if (pressed) pressure_until_ = After(now, kPressureFor);
}

bool WakeBudget::WasAsked(const Lookup& lookup, Instant now) {
  // A multiplication by an odd number keeps the keyed hash as it is, and tells services apart.
  constexpr std::uint64_t kSpread = 0x9e37'79b9'7f4a'7c15;
  const std::uint64_t key =
      lookup.prefix ^ (static_cast<std::uint64_t>(lookup.service) + 1) * kSpread;
  Instant* asked = asked_.Find(key, now);
  if (asked != nullptr && now < After(*asked, kAskedFor)) return true;
  asked_.FindOrMake(key, now) = now;
  return false;
}

bool WakeBudget::HasProven(std::uint64_t prefix, Instant now) {
  const Instant* seen = seen_.Find(prefix, now);
  return seen != nullptr && now < After(*seen, kSeenFor);
}

bool WakeBudget::Booted(const Prefix& prefix, ServiceId service) {
  const auto end = prefix.booted.begin() + prefix.services;
  return std::find(prefix.booted.begin(), end, service) != end;
}

WakeVerdict WakeBudget::Decide(const Lookup& lookup, const Load& load, Instant now) {
  FeelPressure(lookup, load, now);
  if (CoolsDown(lookup.service, now)) return WakeVerdict::kCoolDown;
  const bool needs_proof = limits_.proof == ProofPolicy::kAlways || UnderPressure(now);
  if (lookup.proof == Proof::kNone && needs_proof) {
    return WasAsked(lookup, now) ? WakeVerdict::kUnproven : WakeVerdict::kProve;
  }
  if (global_.level < kWhole) return WakeVerdict::kRate;
  if (load.in_flight >= limits_.in_flight_max || load.queued >= limits_.queue_max) {
    return WakeVerdict::kInFlight;
  }
  Prefix& prefix = prefixes_.FindOrMake(lookup.prefix, now);
  Refill(prefix.boots, PrefixFlow(), now);
  if (prefix.boots.level < kWhole) return WakeVerdict::kPrefixRate;
  if (prefix.services == 0 || now >= After(prefix.hour_began, kHour)) {
    prefix.hour_began = now;
    prefix.services = 0;
  }
  const std::size_t services_max = std::min<std::size_t>(limits_.prefix_services_per_hour,
                                                         WakeLimits::kServicesPerHourMax);
  if (prefix.services >= services_max && !Booted(prefix, lookup.service)) {
    return WakeVerdict::kPrefixHour;
  }
  Take(lookup, prefix, now);
  return WakeVerdict::kBoot;
}

void WakeBudget::Take(const Lookup& lookup, Prefix& prefix, Instant now) {
  global_.level -= kWhole;
  prefix.boots.level -= kWhole;
  if (!Booted(prefix, lookup.service)) prefix.booted[prefix.services++] = lookup.service;
  Service& service = services_[lookup.service];
  service.booted = now;
  ++service.fruitless;
}

void WakeBudget::OnUsed(ServiceId service) {
  const auto found = services_.find(service);
  if (found != services_.end()) found->second.fruitless = 0;
}

}  // namespace summon::summoner
