// SPDX-License-Identifier: Apache-2.0
#pragma once
// The forwarder: names that are not ours, asked of others for those who may.
//
// The engine decides, a channel for each rule asks, and this ties them to the loop. One loop
// thread.

#include <memory>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "dns/forward/ares_channel.h"
#include "dns/forward/engine.h"
#include "dns/forward/resolv_conf.h"
#include "dns/forward/settings.h"

namespace summon::dns::forward {

class Forwarder final : private Asker {
 public:
  // All outlive it. Errors: what c-ares cannot do.
  static Result<std::unique_ptr<Forwarder>> Create(Loop& loop, Logger& log,
                                                   const Settings& settings, Counters& counters,
                                                   SendAnswer send);
  ~Forwarder() override;  // those who wait get no answer

  // As Engine::Take.
  bool Take(const Query& query, Responder& responder);
  // As Engine::Leave.
  void Leave() { engine_->Leave(); }
  const Settings& settings() const { return settings_; }

 private:
  // How one rule's servers are asked: at first and after each change of resolv.conf by a new
  // channel; the old one ends what it has.
  struct RuleState {
    std::unique_ptr<AresChannel> channel;  // null while no server is known
    std::vector<std::unique_ptr<AresChannel>> leaving;
    std::unique_ptr<ResolvConfWatch> watch;
  };
  // Channels that are leaving, for each rule: beyond, the oldest ends at once.
  static constexpr std::size_t kLeavingMax = 4;

  Forwarder(Loop& loop, Logger& log, const Settings& settings, Counters& counters);
  Status UseServers(std::size_t rule, std::vector<Endpoint> servers);
  void OnServers(std::size_t rule, const std::vector<Endpoint>& servers);
  bool IsOurselves(const Endpoint& server) const;
  void OnTimer();
  void Arm();

  bool Ask(Ticket ticket, std::size_t rule, const Question& question) override;
  void GiveUp(Ticket ticket) override;
  bool IsUpstream(std::size_t rule, const Endpoint& address) const override;
  bool IsOurs(Ticket ticket, const Name& name) const override;

  Loop& loop_;
  Logger& log_;
  const Settings settings_;
  Counters& counters_;
  Random random_;
  std::unique_ptr<Engine> engine_;
  std::vector<RuleState> rules_;
  bool armed_ = false;
  Timer timer_;
};

// True when `server` is where we listen ourselves: one of `own`, of which an unspecified address
// stands for every address of this machine. Asks the system for those.
bool IsOwnEndpoint(const Endpoint& server, const std::vector<Endpoint>& own);

}  // namespace summon::dns::forward
