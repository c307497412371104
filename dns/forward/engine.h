// SPDX-License-Identifier: Apache-2.0
#pragma once
// The forwarder's decisions: which rule, who may, what is in the cache, who waits for what.
//
// No sockets and no timers: it asks through an Asker and is told the time, so that a test can be a
// few lines. One loop thread.

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "dns/acl.h"
#include "dns/forward/asker.h"
#include "dns/forward/cache.h"
#include "dns/forward/counters.h"
#include "dns/forward/settings.h"
#include "dns/message.h"
#include "dns/responder.h"

namespace summon::dns::forward {

// Sends a response to who asked, and counts it.
using SendAnswer = std::function<void(const Query&, Responder&, const Response&)>;

class Engine final : public AskerClient {
 public:
  struct Parts {
    const Clock& clock;
    Asker& asker;
    Counters& counters;
    SipKey key;
    SendAnswer send;
  };
  // What is referred to outlives it.
  Engine(const Settings& settings, const Parts& parts);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Answers a query for a name that is not ours, now or later, with the responder moved away. False
  // when it is not to be forwarded: the responder then is untouched.
  bool Take(const Query& query, Responder& responder);

  // Ends what has taken too long. To be called every kTick while busy().
  void OnTime();
  static constexpr Duration kTick = std::chrono::milliseconds(20);
  // Another one takes its place: what it has it ends, but what is so "now" is said by the other.
  void Leave() { leaving_ = true; }
  bool busy() const { return !flights_.empty(); }

  // The rule for a name; nothing when there is none.
  std::optional<std::size_t> RuleFor(const Name& name) const;

  void OnOutcome(Ticket ticket, Outcome outcome) override;

 private:
  struct Waiter {
    Query query;
    Responder responder;
  };
  struct Flight {
    Ticket ticket{};
    std::string key;
    Question question;
    std::size_t rule = 0;
    Instant started{};
    std::vector<Waiter> waiters;  // none: it was asked ahead
  };
  using Flights = std::list<Flight>;  // the oldest first
  struct KeyHash {
    SipKey key;
    std::size_t operator()(const std::string& text) const;
  };

  // False when the name may not be forwarded for the client.
  bool MayForward(const Query& query);
  bool AnswerLocally(std::size_t rule, const Query& query, Responder& responder);
  bool AnswerFromCache(std::size_t rule, const Question& question, const std::string& key,
                       const Query& query, Responder& responder);
  void AskFor(std::size_t rule, const Question& question, const std::string& key,
              const Query& query, Responder& responder);
  void Join(Flight& flight, const Query& query, Responder& responder);
  bool HasComeBack(const Flight& flight, const Query& query) const;
  Flights::iterator Launch(std::size_t rule, const Question& question, const std::string& key);
  void AskAhead(std::size_t rule, const Question& question, const std::string& key,
                Cache::Entry& entry);
  void AddWaiter(Flight& flight, const Query& query, Responder& responder);
  bool RoomFor(const Query& query) const;
  // Takes the flight away from the books; its waiters are still to be answered.
  Flight Land(Flights::iterator at);
  void EndWithFailure(Flight flight, EdeCode reason, std::optional<std::uint16_t> upstream_error);
  void SetGauges();

  struct Serving {
    std::size_t rule = 0;
    TtlChange ttls;
    bool stale = false;
  };
  void Serve(const CachedAnswer& answer, const Serving& how, const Query& query,
             Responder& responder);
  bool IsRebinding(const CachedAnswer& answer, std::size_t rule, const Name& name) const;
  struct Failure {
    Rcode rcode = Rcode::kServFail;
    EdeCode code = EdeCode::kNoReachableAuthority;
    std::string_view text;
  };
  void Fail(const Failure& failure, const Query& query, Responder& responder);

  const Settings settings_;
  const PrefixList allowed_;
  const Clock& clock_;
  Asker& asker_;
  Counters& counters_;
  SendAnswer send_;
  std::vector<std::size_t> by_length_;  // rules, the longest zone first
  Cache cache_;
  Flights flights_;
  std::unordered_map<std::string, Flights::iterator, KeyHash> by_key_;
  std::unordered_map<std::uint64_t, Flights::iterator> by_ticket_;
  std::map<Endpoint, std::size_t> waiting_by_network_;
  std::size_t waiting_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t evicted_seen_ = 0;
  bool leaving_ = false;
  // Where answers are written; each is sent before the next one begins.
  std::unique_ptr<std::array<std::uint8_t, kMessageSizeMax>> space_;
};

}  // namespace summon::dns::forward
