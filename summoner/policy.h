// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an operator decides about one service, as the state machine reads it.
//
// The daemon makes one from the configuration. The ranges are checked where the file is loaded;
// the machine is safe for any values.

#include <array>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "launcher/launcher.h"

namespace summon::summoner {

// When a lookup of a service that is not ready is answered.
enum class AnswerMode : std::uint8_t {
  kImmediately,  // at once: the address is known before the boot, and the packet waits at the tap
  kWhenReady,    // when it is ready, but not later than hold_max
};

// What becomes of an instance that nobody uses.
enum class OnIdle : std::uint8_t {
  kRest,         // it comes to rest at `rest_at`
  kAuto,         // likewise; the registry works out `rest_at` from what it measures
  kKeepRunning,  // nothing
};

// Longer than any machine runs; for what is never due.
inline constexpr Duration kForever = Duration::max();

struct Policy {
  AnswerMode answer = AnswerMode::kImmediately;

  // The longest that an answer waits (kWhenReady). The default stays below the first
  // retransmission of unbound (284 ms, measured with 1.17.1); beyond 1.9 s unbound drops the
  // answer to its client altogether (discard-timeout).
  Duration hold_max = std::chrono::milliseconds(250);

  // TTL of an answer given while the service is not ready, and while it is. Not 0: resolvers then
  // ask every time, which adds load and tells nothing more.
  std::chrono::seconds ttl_asleep{5};
  std::chrono::seconds ttl_ready{30};

  // A lease outlives the TTL of the answer by this: clients connect some time after they asked.
  Duration grace = std::chrono::seconds(10);

  // An instance is reclaimed after this time without a frame, once its lease is over.
  Duration idle_timeout = std::chrono::seconds(90);
  OnIdle on_idle = OnIdle::kRest;
  launcher::Rung rest_at = launcher::Rung::kOff;
  // kAuto: from the lookup or frame to the first byte of the answer.
  Duration first_byte_slo = std::chrono::milliseconds(50);

  // How long after it came to rest a service is lowered to a rung; index: launcher::Rung.
  std::array<Duration, launcher::kRungs> descend_after{kForever, kForever, kForever, kForever};

  // An instance that is not ready by then is ended and counts as failed.
  Duration ready_timeout = std::chrono::seconds(30);

  // After the first failure nothing is tried for backoff_base, then twice that, and so on.
  Duration backoff_base = std::chrono::seconds(1);
  Duration backoff_max = std::chrono::seconds(60);

  // An instance that ends by itself sooner than this after it was ready has failed: else one that
  // dies before it reads its first frame would be booted again and again by that frame.
  Duration young = std::chrono::seconds(5);

  // Parked answers; one more is answered at once.
  std::uint32_t waiters_max = 32;

  friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace summon::summoner
