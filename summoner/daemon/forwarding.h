// SPDX-License-Identifier: Apache-2.0
#pragma once
// The forwarder as the configuration wants it, through reloads. One loop thread.

#include <memory>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "configs/config.h"
#include "dns/forward/forwarder.h"

namespace summon::summoner {

class Forwarding final {
 public:
  // What a forwarder that was replaced may still take: longer than any question does.
  static constexpr Duration kLeaveFor = std::chrono::seconds(2);

  struct Parts {
    Loop& loop;
    Logger& log;
    std::vector<dns::Endpoint> own_endpoints;  // where this server listens
    dns::forward::SendAnswer send;
  };
  // What is referred to outlives it. Errors: kInvalid for a server that is this one; what c-ares
  // cannot do.
  static Result<std::unique_ptr<Forwarding>> Create(const Parts& parts,
                                                    const configs::Forwarding& config);
  Forwarding(const Forwarding&) = delete;
  Forwarding& operator=(const Forwarding&) = delete;

  // As dns::forward::Engine::Take: answers a query for a name that is not ours, or leaves it.
  bool Take(const dns::Query& query, dns::Responder& responder);

  // The configuration as it is now. When it differs, the cache begins anew, and questions that are
  // in flight end as they began. One that cannot be used is logged, and the former one stays.
  void Reload(const configs::Forwarding& config);

  const dns::forward::Counters& counters() const { return counters_; }

 private:
  explicit Forwarding(const Parts& parts);
  Status Apply(const configs::Forwarding& config);

  const Parts parts_;
  dns::forward::Counters counters_;  // of all that there were
  configs::Forwarding config_;
  std::unique_ptr<dns::forward::Forwarder> current_;  // null without rules
  // At most one: a reload within kLeaveFor of another ends what the one before left.
  std::unique_ptr<dns::forward::Forwarder> leaving_;
  Timer left_;
};

}  // namespace summon::summoner
