// SPDX-License-Identifier: Apache-2.0
// The forwarder's decisions; see the header.
#include "dns/forward/engine.h"

#include <algorithm>

#include "base/check.h"
#include "dns/authority.h"
#include "dns/forward/local_names.h"

namespace summon::dns::forward {

namespace {

// Fewer letters than these may fall into the same case by chance.
constexpr std::size_t kLettersToRecognize = 10;

bool HasUpperCase(const Name& name) { return !SameOctets(name, name.Lowered()); }

bool IsTransfer(RrType type) { return type == RrType::kAxfr || type == RrType::kIxfr; }

std::string_view ReasonText(EdeCode code) {
  switch (code) {
    case EdeCode::kNetworkError: return "the upstream servers cannot be reached";
    case EdeCode::kNoReachableAuthority: return "no upstream server gave an answer";
    default: return {};
  }
}

}  // namespace

std::string_view RefusalText(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotAllowed: return "not_allowed";
    case Refusal::kNoRecursion: return "no_recursion";
    case Refusal::kRebinding: return "rebinding";
    case Refusal::kLoop: return "loop";
    case Refusal::kOverload: return "overload";
  }
  SUMMON_CHECK(!"a refusal without a text");
  return {};
}

std::size_t Engine::KeyHash::operator()(const std::string& text) const {
  // SAFETY: char and uint8_t have the same representation.
  return SipHash24(key, Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Engine::Engine(const Settings& settings, const Parts& parts)
    : settings_(settings),
      allowed_(settings.allow_recursion),
      clock_(parts.clock),
      asker_(parts.asker),
      counters_(parts.counters),
      send_(parts.send),
      cache_(settings.cache, parts.key),
      by_key_(16, KeyHash{parts.key}),
      space_(std::make_unique<std::array<std::uint8_t, kMessageSizeMax>>()) {
  for (std::size_t i = 0; i < settings_.rules.size(); ++i) by_length_.push_back(i);
  std::stable_sort(by_length_.begin(), by_length_.end(), [this](std::size_t a, std::size_t b) {
    return settings_.rules[a].zone.label_count() > settings_.rules[b].zone.label_count();
  });
}

std::optional<std::size_t> Engine::RuleFor(const Name& name) const {
  for (const std::size_t i : by_length_) {
    if (name.IsSubdomainOf(settings_.rules[i].zone)) return i;
  }
  return std::nullopt;
}

bool Engine::MayForward(const Query& query) {
  const bool allowed = allowed_.Contains(query.client);
  if (!allowed) {
    counters_.Refuse(Refusal::kNotAllowed);
  } else if (!query.recursion_desired) {
    counters_.Refuse(Refusal::kNoRecursion);
  }
  return allowed && query.recursion_desired;
}

bool Engine::Take(const Query& query, Responder& responder) {
  if (query.rr_class != RrClass::kIn || IsTransfer(query.type)) return false;
  const auto rule = RuleFor(query.name);
  if (!rule || !MayForward(query)) return false;
  if (AnswerLocally(*rule, query, responder)) return true;
  Question question;
  question.name = query.name.Lowered();
  question.type = query.type;
  question.dnssec_ok = query.dnssec_ok();
  question.checking_disabled = query.checking_disabled;
  const std::string key = question.Key();
  if (AnswerFromCache(*rule, question, key, query, responder)) return true;
  ++counters_.misses;
  AskFor(*rule, question, key, query, responder);
  SetGauges();
  return true;
}

bool Engine::AnswerLocally(std::size_t rule, const Query& query, Responder& responder) {
  const LocalName local = LocalNameOf(query.name, settings_.rules[rule].zone);
  if (local == LocalName::kNone) return false;
  ++counters_.local;
  Responder taken = std::move(responder);
  send_(query, taken, WriteLocalAnswer(local, query, *space_));
  return true;
}

bool Engine::AnswerFromCache(std::size_t rule, const Question& question, const std::string& key,
                             const Query& query, Responder& responder) {
  const Instant now = clock_.Now();
  Cache::Entry* entry = cache_.Find(key, now);
  if (entry == nullptr) return false;
  if (entry->FreshAt(now)) {
    ++counters_.hits;
    const CachedAnswer& answer = *entry->answer;
    const std::uint32_t most =
        answer.reply.negative ? entry->Remaining(now) : settings_.cache.ttl_max_s;
    Responder taken = std::move(responder);
    Serve(answer, {rule, {.age = entry->Age(now), .most = most, .fixed = {}}}, query, taken);
    const bool may_ask = !entry->refreshing && (!entry->failure || now >= entry->failure->until);
    if (may_ask && entry->NearEnd(now)) AskAhead(rule, question, key, *entry);
    return true;
  }
  if (!entry->failure || now >= entry->failure->until) return false;
  Responder taken = std::move(responder);
  if (entry->answer) {
    ++counters_.stale;
    Serve(*entry->answer, {rule, {.fixed = kStaleTtl}, true}, query, taken);
  } else {
    ++counters_.failure_hits;
    Fail({Rcode::kServFail, entry->failure->reason, ReasonText(entry->failure->reason)}, query,
         taken);
  }
  return true;
}

void Engine::AskAhead(std::size_t rule, const Question& question, const std::string& key,
                      Cache::Entry& entry) {
  // Asking ahead never takes the room of those who wait.
  if (by_key_.contains(key) || flights_.size() >= settings_.in_flight_max / 2) return;
  entry.refreshing = true;
  if (Launch(rule, question, key) != flights_.end()) ++counters_.prefetches;
  SetGauges();
}

// An upstream server that asks us what we ask it, or our own letters: the question has gone round.
bool Engine::HasComeBack(const Flight& flight, const Query& query) const {
  if (asker_.IsUpstream(flight.rule, query.client)) return true;
  return LetterCount(query.name) >= kLettersToRecognize && HasUpperCase(query.name) &&
         asker_.IsOurs(flight.ticket, query.name);
}

bool Engine::RoomFor(const Query& query) const {
  if (waiting_ >= kWaitersMax) return false;
  const auto mine = waiting_by_network_.find(query.client.Prefix());
  return mine == waiting_by_network_.end() ||
         mine->second < std::max<std::size_t>(1, settings_.in_flight_max / kShareOfOneNetwork);
}

void Engine::AskFor(std::size_t rule, const Question& question, const std::string& key,
                    const Query& query, Responder& responder) {
  Responder taken = std::move(responder);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    Join(*found->second, query, taken);
    return;
  }
  if (flights_.size() >= settings_.in_flight_max || !RoomFor(query)) {
    counters_.Refuse(Refusal::kOverload);
    Fail({Rcode::kServFail, EdeCode::kOther, "too many questions are in flight"}, query, taken);
    return;
  }
  const auto flight = Launch(rule, question, key);
  if (flight == flights_.end()) {
    ++counters_.failed;
    Fail({Rcode::kServFail, EdeCode::kNoReachableAuthority, "no upstream server is known"}, query,
         taken);
    return;
  }
  AddWaiter(*flight, query, taken);
}

void Engine::Join(Flight& flight, const Query& query, Responder& responder) {
  // The same query once more: its answer goes where the last one wants it.
  for (Waiter& waiter : flight.waiters) {
    const Query& one = waiter.query;
    if (one.id == query.id && one.client == query.client && one.transport == query.transport &&
        query.transport == Transport::kUdp) {
      waiter.responder = std::move(responder);
      return;
    }
  }
  if (HasComeBack(flight, query)) {
    counters_.Refuse(Refusal::kLoop);
    Fail({Rcode::kServFail, EdeCode::kOther, "forwarded in a circle"}, query, responder);
    return;
  }
  if (flight.waiters.size() >= kWaitersPerFlightMax || !RoomFor(query)) {
    counters_.Refuse(Refusal::kOverload);
    Fail({Rcode::kServFail, EdeCode::kOther, "too many wait for this name"}, query, responder);
    return;
  }
  ++counters_.coalesced;
  AddWaiter(flight, query, responder);
}

void Engine::AddWaiter(Flight& flight, const Query& query, Responder& responder) {
  flight.waiters.push_back({query, std::move(responder)});
  ++waiting_by_network_[query.client.Prefix()];
  ++waiting_;
}

Engine::Flights::iterator Engine::Launch(std::size_t rule, const Question& question,
                                         const std::string& key) {
  const Ticket ticket{++last_ticket_};
  Flight flight;
  flight.ticket = ticket;
  flight.key = key;
  flight.question = question;
  flight.rule = rule;
  flight.started = clock_.Now();
  flights_.push_back(std::move(flight));
  const auto at = std::prev(flights_.end());
  if (!asker_.Ask(ticket, rule, question)) {
    flights_.erase(at);
    return flights_.end();
  }
  by_key_.emplace(key, at);
  by_ticket_.emplace(static_cast<std::uint64_t>(ticket), at);
  return at;
}

Engine::Flight Engine::Land(Flights::iterator at) {
  Flight flight = std::move(*at);
  by_key_.erase(flight.key);
  by_ticket_.erase(static_cast<std::uint64_t>(flight.ticket));
  flights_.erase(at);
  for (const Waiter& waiter : flight.waiters) {
    const auto mine = waiting_by_network_.find(waiter.query.client.Prefix());
    if (--mine->second == 0) waiting_by_network_.erase(mine);
  }
  waiting_ -= flight.waiters.size();
  return flight;
}

void Engine::OnOutcome(Ticket ticket, Outcome outcome) {
  const auto found = by_ticket_.find(static_cast<std::uint64_t>(ticket));
  if (found == by_ticket_.end()) return;
  Flight flight = Land(found->second);
  if (!outcome.answered) {
    EndWithFailure(std::move(flight), outcome.failure, outcome.upstream_error);
    return;
  }
  CachedAnswer answer;
  answer.reply = outcome.reply;
  answer.message = std::move(outcome.message);
  answer.message.resize(answer.reply.records_end);
  answer.message.shrink_to_fit();
  const std::uint32_t cap = answer.reply.negative ? settings_.cache.negative_ttl_max_s
                                                  : settings_.cache.ttl_max_s;
  const std::uint32_t most = std::min(answer.reply.ttl.value_or(cap), cap);
  for (Waiter& waiter : flight.waiters) {
    Serve(answer, {flight.rule, {.most = answer.reply.negative ? most : cap, .fixed = {}}},
          waiter.query, waiter.responder);
  }
  cache_.StoreAnswer(flight.key, std::move(answer), clock_.Now());
  SetGauges();
}

void Engine::EndWithFailure(Flight flight, EdeCode reason,
                            std::optional<std::uint16_t> upstream_error) {
  const Instant now = clock_.Now();
  const EdeCode told = upstream_error ? static_cast<EdeCode>(*upstream_error) : reason;
  cache_.StoreFailure(flight.key, told, now);
  const Cache::Entry* entry = cache_.Find(flight.key, now);
  for (Waiter& waiter : flight.waiters) {
    if (entry != nullptr && entry->answer) {
      ++counters_.stale;
      Serve(*entry->answer, {flight.rule, {.fixed = kStaleTtl}, true}, waiter.query,
            waiter.responder);
    } else {
      ++counters_.failed;
      Fail({Rcode::kServFail, told, ReasonText(told)}, waiter.query, waiter.responder);
    }
  }
  SetGauges();
}

void Engine::OnTime() {
  const Instant now = clock_.Now();
  for (auto at = flights_.begin(); at != flights_.end() && now - at->started >= kStaleAfter;) {
    const auto here = at++;
    const Cache::Entry* entry = cache_.Find(here->key, now);
    const bool has_stale = entry != nullptr && entry->answer;
    if (!has_stale && now - here->started < kTotalMax) continue;
    ++counters_.timeouts;
    asker_.GiveUp(here->ticket);
    EndWithFailure(Land(here), EdeCode::kNoReachableAuthority, std::nullopt);
  }
}

void Engine::SetGauges() {
  counters_.cache_evicted += cache_.evicted() - evicted_seen_;
  evicted_seen_ = cache_.evicted();
  if (leaving_) return;
  counters_.in_flight = flights_.size();
  counters_.waiting = waiting_;
  counters_.cache_entries = cache_.entries();
  counters_.cache_octets = cache_.octets();
}

bool Engine::IsRebinding(const CachedAnswer& answer, std::size_t rule, const Name& name) const {
  if (!answer.reply.private_address || !settings_.rules[rule].rebind_protection) return false;
  return std::none_of(settings_.private_zones.begin(), settings_.private_zones.end(),
                      [&name](const Name& zone) { return name.IsSubdomainOf(zone); });
}

void Engine::Serve(const CachedAnswer& answer, const Serving& how, const Query& query,
                   Responder& responder) {
  if (IsRebinding(answer, how.rule, query.name)) {
    counters_.Refuse(Refusal::kRebinding);
    Fail({Rcode::kRefused, EdeCode::kBlocked,
          "the answer leads into a private network (rebind_protection)"},
         query, responder);
    return;
  }
  const Reply& reply = answer.reply;
  ResponseWriter writer(*space_, query);
  writer.SetRcode(reply.rcode);
  writer.SetRecursionAvailable();
  const bool wants_ad = query.authentic_data || query.dnssec_ok();
  if (settings_.rules[how.rule].trust_ad && reply.authentic_data && wants_ad && !how.stale) {
    writer.SetAuthenticData();
  }
  if (how.stale) {
    const bool no_name = reply.rcode == Rcode::kNxDomain;
    writer.SetExtendedError({no_name ? EdeCode::kStaleNxdomain : EdeCode::kStaleAnswer, {}});
  } else if (reply.extended_error) {
    writer.SetExtendedError({static_cast<EdeCode>(*reply.extended_error), {}});
  }
  const Bytes message(answer.message);
  if (writer.AddPrepared({message.subspan(reply.records_at, reply.records_end - reply.records_at),
                          reply.answers, reply.authorities})) {
    RewriteTtls(answer, how.ttls, writer.prepared_space());
  }
  send_(query, responder, writer.Finish());
}

void Engine::Fail(const Failure& failure, const Query& query, Responder& responder) {
  ResponseWriter writer(*space_, query);
  writer.SetRcode(failure.rcode);
  writer.SetRecursionAvailable();
  writer.SetExtendedError({failure.code, failure.text});
  send_(query, responder, writer.Finish());
}

}  // namespace summon::dns::forward
