// SPDX-License-Identifier: Apache-2.0
// From counters to metrics; see the header.
#include "summoner/daemon/measures.h"

#include "base/version.h"

namespace summon::summoner {

namespace {

// The enums of the catalogue have the same values in the same order as ours.
static_assert(static_cast<int>(metrics::Trigger::kDependency) ==
              static_cast<int>(Trigger::kDependency));
static_assert(static_cast<int>(metrics::Refusal::kWaitersFull) ==
              static_cast<int>(RefuseReason::kWaitersFull));
static_assert(static_cast<int>(metrics::ReclaimReason::kOrphan) ==
              static_cast<int>(ReclaimReason::kOrphan));
static_assert(static_cast<int>(metrics::Rest::kOff) == static_cast<int>(Rung::kOff));
static_assert(static_cast<int>(metrics::Kind::kProcess) ==
              static_cast<int>(launcher::Kind::kProcess));
static_assert(static_cast<int>(metrics::ExitReason::kLost) ==
              static_cast<int>(launcher::EndReason::kLost));

metrics::QueryType TypeOf(dns::RrType type) {
  switch (type) {
    case dns::RrType::kA: return metrics::QueryType::kA;
    case dns::RrType::kAaaa: return metrics::QueryType::kAaaa;
    case dns::RrType::kNs: return metrics::QueryType::kNs;
    case dns::RrType::kSoa: return metrics::QueryType::kSoa;
    case dns::RrType::kTxt: return metrics::QueryType::kTxt;
    case dns::RrType::kMx: return metrics::QueryType::kMx;
    case dns::RrType::kCname: return metrics::QueryType::kCname;
    case dns::RrType::kHttps: return metrics::QueryType::kHttps;
    case dns::RrType::kSrv: return metrics::QueryType::kSrv;
    case dns::RrType::kAny: return metrics::QueryType::kAny;
    default: return metrics::QueryType::kOther;
  }
}

metrics::QueryResult ResultOf(const dns::Response& response) {
  switch (response.rcode) {
    case dns::Rcode::kNoError: {
      constexpr std::size_t kAnswerCountAt = 6;  // RFC 1035 section 4.1.1
      const bool has_answer =
          response.bytes[kAnswerCountAt] != 0 || response.bytes[kAnswerCountAt + 1] != 0;
      return has_answer ? metrics::QueryResult::kAnswer : metrics::QueryResult::kNoData;
    }
    case dns::Rcode::kNxDomain: return metrics::QueryResult::kNxDomain;
    case dns::Rcode::kRefused: return metrics::QueryResult::kRefused;
    case dns::Rcode::kNotImp: return metrics::QueryResult::kNotImp;
    case dns::Rcode::kFormErr: return metrics::QueryResult::kFormErr;
    case dns::Rcode::kBadVers: return metrics::QueryResult::kBadVers;
    default: return metrics::QueryResult::kServFail;
  }
}

metrics::Transport TransportOf(dns::Transport transport) {
  switch (transport) {
    case dns::Transport::kUdp: return metrics::Transport::kUdp;
    case dns::Transport::kTcp: return metrics::Transport::kTcp;
    case dns::Transport::kTls: return metrics::Transport::kTls;
  }
  return metrics::Transport::kUdp;
}

metrics::Stage StageOf(launcher::Stage stage) {
  switch (stage) {
    case launcher::Stage::kAssigned: return metrics::Stage::kAssigned;
    case launcher::Stage::kLoaded: return metrics::Stage::kLoaded;
    case launcher::Stage::kRunning: return metrics::Stage::kRunning;
    case launcher::Stage::kReady: return metrics::Stage::kReady;
    case launcher::Stage::kFirstPacketIn: return metrics::Stage::kFirstPacketIn;
    case launcher::Stage::kFirstByteOut: return metrics::Stage::kFirstByteOut;
  }
  SUMMON_CHECK(!"a stage without a metric");
  return metrics::Stage::kReady;
}

// How much `now` grew beyond `seen`, which then is `now`.
std::uint64_t Grown(std::uint64_t now, std::uint64_t& seen) {
  const std::uint64_t grown = now - seen;
  seen = now;
  return grown;
}

}  // namespace

Measures::Measures(Loop& loop, Conductor& conductor)
    : loop_(loop),
      conductor_(conductor),
      catalogue_(kVersion, "summond"),
      timer_(loop, [this] {
        Update();
        timer_.Set(loop_.Now() + kPeriod);
      }) {
  catalogue_.ConfigLoaded(WallNanos());
  timer_.Set(loop_.Now());
}

Measures::~Measures() = default;

Status Measures::Serve(const configs::Endpoint& endpoint) {
  exposer_ = SUMMON_TRY(metrics::Exposer::Create(catalogue_, endpoint.ToString()));
  return Ok();
}

void Measures::CountQuery(const dns::Query& query, const dns::Response& response) {
  ++queries_[static_cast<std::size_t>(TypeOf(query.type))]
            [static_cast<std::size_t>(ResultOf(response))]
            [static_cast<std::size_t>(TransportOf(query.transport))];
}

void Measures::OnReload(ReloadOutcome outcome) {
  if (outcome == ReloadOutcome::kApplied) {
    catalogue_.ConfigLoaded(WallNanos());
  } else {
    catalogue_.ConfigRejected();
  }
}

void Measures::OnAnswered(ServiceId service, Instant received, Instant sent) {
  catalogue_.QueryToAnswer(sent - received);
  const auto status = conductor_.summoner().StatusOf(service);
  // The summoner is told after this: an answer that it does not know yet is the summon's first.
  if (status && status->last_summon.received == received && !status->last_summon.answer_sent) {
    catalogue_.StageReached(metrics::Stage::kAnswer, sent - received);
  }
}

void Measures::OnStageReached(ServiceId service, launcher::Stage stage) {
  const auto status = conductor_.summoner().StatusOf(service);
  if (!status || !status->last_summon.received) return;  // adopted, or removed
  const Waterfall& fall = status->last_summon;
  if (const auto at = fall.At(stage)) {
    catalogue_.StageReached(StageOf(stage), *at - *fall.received);
  }
  if (stage == launcher::Stage::kAssigned && fall.decided) {
    catalogue_.StageReached(metrics::Stage::kDecision, *fall.decided - *fall.received);
  }
}

void Measures::OnInstanceEnded(ServiceId, const launcher::EndReport& report) {
  catalogue_.GuestExited(static_cast<metrics::ExitReason>(report.reason));
  catalogue_.TapDropped(report.frames_dropped);
  catalogue_.FramesForged(report.frames_forged);
  catalogue_.ConsoleLost(report.console_bytes_lost);
}

void Measures::OnTapTraffic(ServiceId service, const launcher::Traffic& traffic) {
  std::uint64_t& seen = drops_seen_[service];
  if (traffic.frames_dropped < seen) seen = 0;  // a new tap counts from zero
  catalogue_.TapDropped(Grown(traffic.frames_dropped, seen));
}

void Measures::Update() {
  UpdateQueries();
  if (dns_ != nullptr) UpdateDns();
  UpdateLookups();
  if (signer_ != nullptr) UpdateSignatures();
  if (forward_ != nullptr) forward_measures_.Update(*forward_, catalogue_);
  if (secondaries_ != nullptr) secondary_measures_.Update(*secondaries_, catalogue_);
  UpdateSummons();
  UpdateRungs();
}

void Measures::UpdateQueries() {
  for (std::size_t type = 0; type < kTypes; ++type) {
    for (std::size_t result = 0; result < kResults; ++result) {
      for (std::size_t transport = 0; transport < kTransports; ++transport) {
        std::uint64_t& count = queries_[type][result][transport];
        if (count == 0) continue;
        catalogue_.DnsQueries(static_cast<metrics::QueryType>(type),
                              static_cast<metrics::QueryResult>(result),
                              static_cast<metrics::Transport>(transport), count);
        count = 0;
      }
    }
  }
}

std::string_view Measures::LossText(Loss loss) {
  constexpr std::array<std::string_view, 3> kTexts = {"queue", "read", "send"};
  return kTexts[static_cast<std::size_t>(loss)];
}

// What the server answered or dropped by itself; queries are counted as they are answered.
void Measures::UpdateDns() {
  for (const dns::Transport transport :
       {dns::Transport::kUdp, dns::Transport::kTcp, dns::Transport::kTls}) {
    const auto index = static_cast<std::size_t>(transport);
    const auto add = [&](metrics::QueryResult result, std::uint64_t now, std::uint64_t& seen) {
      if (const std::uint64_t grown = Grown(now, seen); grown > 0) {
        catalogue_.DnsQueries(metrics::QueryType::kOther, result, TransportOf(transport), grown);
      }
    };
    const dns::SelfAnswered& now = dns_->self_answered[index];
    dns::SelfAnswered& seen = dns_seen_.self_answered[index];
    add(metrics::QueryResult::kFormErr, now.formerr, seen.formerr);
    add(metrics::QueryResult::kNotImp, now.notimp, seen.notimp);
    add(metrics::QueryResult::kBadVers, now.badvers, seen.badvers);
    add(metrics::QueryResult::kDropped, now.dropped, seen.dropped);
    add(metrics::QueryResult::kAnswer, now.identity, seen.identity);
    add(metrics::QueryResult::kRefused, now.identity_refused, seen.identity_refused);
  }
  using Counter = metrics::Catalogue::DnsCounter;
  UpdateDnsCounter(Counter::kRejected, dns_->rejections, dns_seen_.rejections,
                   dns::RejectReasonText);
  UpdateDnsCounter(Counter::kDropped, dns_->drops, dns_seen_.drops, dns::DropReasonText);
  UpdateDnsCounter(Counter::kCookies, dns_->cookies, dns_seen_.cookies, dns::CookieStateText);
  const LossCounts losses = {dns_->receive_overflow, dns_->receive_failed, dns_->send_failed};
  UpdateDnsCounter(Counter::kLost, losses, losses_seen_, LossText);
  UpdateConnections();
}

void Measures::UpdateConnections() {
  using Counter = metrics::Catalogue::DnsCounter;
  UpdateDnsCounter(Counter::kClosed, dns_->tcp_closed, dns_seen_.tcp_closed, dns::CloseReasonText);
  UpdateDnsCounter(Counter::kRefused, dns_->tcp_refused, dns_seen_.tcp_refused,
                   dns::TcpRefusalText);
  UpdateDnsCounter(Counter::kHandshakes, dns_->tls_handshakes, dns_seen_.tls_handshakes,
                   dns::HandshakeResultText);
  catalogue_.SetDnsConnections(
      {.open = dns_->tcp_open,
       .accepted = Grown(dns_->tcp_accepted, dns_seen_.tcp_accepted),
       .accept_failures = Grown(dns_->tcp_accept_failed, dns_seen_.tcp_accept_failed),
       .paused = Grown(dns_->tcp_paused, dns_seen_.tcp_paused)});
  UpdateDnsCounter(Counter::kLimitDropped, dns_->limited_dropped, dns_seen_.limited_dropped,
                   dns::AnswerClassText);
  UpdateDnsCounter(Counter::kLimitSlipped, dns_->limited_slipped, dns_seen_.limited_slipped,
                   dns::AnswerClassText);
}

void Measures::UpdateLookups() {
  if (lookups_ == nullptr) return;
  using Counter = metrics::Catalogue::DnsCounter;
  UpdateDnsCounter(Counter::kRefusedBy, lookups_->refused, lookups_seen_.refused, AccessListText);
  UpdateDnsCounter(Counter::kLookups, lookups_->fates, lookups_seen_.fates, LookupFateText);
  UpdateDnsCounter(Counter::kParked, lookups_->parked, lookups_seen_.parked, ParkEventText);
}

template <typename Counts, typename Reason>
void Measures::UpdateDnsCounter(metrics::Catalogue::DnsCounter counter, const Counts& now,
                                Counts& seen, std::string_view (*text)(Reason)) {
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::uint64_t grown = Grown(now[i], seen[i]);
    if (grown > 0) catalogue_.DnsCounted(counter, text(static_cast<Reason>(i)), grown);
  }
}

void Measures::UpdateSignatures() {
  const dns::dnssec::SigningCounters now = signer_->counters();
  dns::dnssec::SigningCounters& seen = signing_seen_;
  const auto add = [this](std::string_view outcome, std::uint64_t grown) {
    if (grown == 0) return;
    catalogue_.DnsCounted(metrics::Catalogue::DnsCounter::kSignatures, outcome, grown);
  };
  add("remembered", Grown(now.hits, seen.hits));
  add("made", Grown(now.made, seen.made));
  add("limited", Grown(now.limited, seen.limited));
  add("wrong_clock", Grown(now.clock_refused, seen.clock_refused));
  add("failed", Grown(now.failed, seen.failed));
  add("forgotten", Grown(now.evicted, seen.evicted));
}

void Measures::UpdateSummons() {
  const Summoner& summoner = conductor_.summoner();
  const Counters& now = summoner.counters();
  for (std::size_t i = 0; i < kTriggers; ++i) {
    const auto trigger = static_cast<metrics::Trigger>(i);
    const OutcomeCounters& counted = now.by_trigger[i];
    OutcomeCounters& seen = seen_.by_trigger[i];
    catalogue_.Triggered(trigger, Grown(counted.summons, seen.summons));
    using metrics::Outcome;
    catalogue_.Summoned(trigger, Outcome::kBooted, Grown(counted.booted, seen.booted));
    catalogue_.Summoned(trigger, Outcome::kReused, Grown(counted.reused, seen.reused));
    catalogue_.Summoned(trigger, Outcome::kRefused, Grown(counted.refused, seen.refused));
    catalogue_.Summoned(trigger, Outcome::kFailed, Grown(counted.failed, seen.failed));
  }
  for (std::size_t i = 0; i < kRefuseReasons; ++i) {
    catalogue_.Refused(static_cast<metrics::Refusal>(i),
                       Grown(now.refusals[i], seen_.refusals[i]));
  }
  for (std::size_t i = 0; i < kReclaimReasons; ++i) {
    catalogue_.Reclaimed(static_cast<metrics::ReclaimReason>(i),
                         Grown(now.reclaims[i], seen_.reclaims[i]));
    catalogue_.Lowered(static_cast<metrics::ReclaimReason>(i),
                       Grown(now.lowers[i], seen_.lowers[i]));
  }
  catalogue_.StaleEvents(Grown(now.events_stale, seen_.events_stale));
  catalogue_.SetInstances(metrics::Rung::kRunning, now.launches + now.adopted - now.ends);
  catalogue_.SetWaiters(summoner.waiters());
  catalogue_.SetServices(summoner.service_count());
  catalogue_.SetMemory({.budget_mib = summoner.limits().memory_budget_mib,
                        .used_mib = summoner.memory_used_mib()});
}

void Measures::UpdateRungs() {
  const Summoner& summoner = conductor_.summoner();
  const Counters& now = summoner.counters();
  catalogue_.SetInstances(metrics::Rung::kPaused, summoner.resting(Rung::kPaused));
  catalogue_.SetInstances(metrics::Rung::kParked, summoner.resting(Rung::kParked));
  catalogue_.SetInstances(metrics::Rung::kSaved, summoner.resting(Rung::kSaved));
  for (std::size_t i = 0; i < launcher::kRungs; ++i) {
    const auto rung = static_cast<metrics::Rest>(i);
    catalogue_.Woken(rung, Grown(now.wakes[i], seen_.wakes[i]));
    catalogue_.WakeFellBack(rung, Grown(now.wake_fallbacks[i], seen_.wake_fallbacks[i]));
    catalogue_.RestLost(rung, Grown(now.rests_lost[i], seen_.rests_lost[i]));
    for (std::size_t kind = 0; kind < launcher::kKinds; ++kind) {
      const auto& measured =
          summoner.Measured(static_cast<launcher::Kind>(kind), static_cast<Rung>(i));
      if (!measured) continue;
      catalogue_.SetRung(static_cast<metrics::Kind>(kind), rung,
                         {.wake = measured->wake_p50, .memory_bytes = measured->memory_p50_bytes});
    }
  }
}

}  // namespace summon::summoner
