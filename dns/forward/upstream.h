// SPDX-License-Identifier: Apache-2.0
#pragma once
// One upstream server as we know it: where it is, and whether it has been silent for long.
//
// A server that answers nothing costs each question a time-out. So one that has been silent rests,
// but for a probe now and then; c-ares goes on to the next server at once. Pure; time is a
// parameter.

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "dns/endpoint.h"

namespace summon::dns::forward {

class Upstream final {
 public:
  // So many questions without any reply, the first of them so long ago: it rests.
  static constexpr std::uint32_t kSilentMin = 3;
  static constexpr Duration kSilentFor = std::chrono::milliseconds(1'500);
  // While it rests, one question goes there each time this has passed.
  static constexpr Duration kProbeEvery = std::chrono::seconds(2);

  explicit Upstream(const Endpoint& endpoint) : endpoint_(endpoint) {}

  const Endpoint& endpoint() const { return endpoint_; }

  // False while it rests and no probe is due.
  bool MayAsk(Instant now) const { return !Resting(now) || now >= probe_at_; }
  bool Resting(Instant now) const {
    return asked_ >= kSilentMin && now - silent_since_ >= kSilentFor;
  }
  void OnAsked(Instant now) {
    if (Resting(now)) probe_at_ = now + kProbeEvery;
    if (asked_++ == 0) silent_since_ = now;
  }
  void OnReply() {
    asked_ = 0;
    probe_at_ = Instant{};
  }

 private:
  const Endpoint endpoint_;
  std::uint32_t asked_ = 0;  // since the last reply
  Instant silent_since_{};
  Instant probe_at_{};
};

}  // namespace summon::dns::forward
