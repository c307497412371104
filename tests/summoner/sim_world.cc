// SPDX-License-Identifier: Apache-2.0
// Time, effects, clients and the operator of the simulated world.

#include "tests/summoner/sim_world.h"

#include <algorithm>

#include "base/strings.h"

namespace summon::summoner::sim {
namespace {

constexpr std::size_t kServicesMax = 6;
constexpr std::uint32_t kMemoryMaxMib = 64;  // of one guest

std::uint32_t Plain(ServiceId id) { return static_cast<std::uint32_t>(id); }

Limits Believed(const Limits& limits, Sabotage sabotage) {
  Limits believed = limits;
  if (sabotage == Sabotage::kIgnoreBudget) believed.memory_budget_mib *= 8;
  if (sabotage == Sabotage::kIgnoreInFlight) believed.summons_in_flight_max += 8;
  return believed;
}

Limits RandomLimits(Random& random) {
  Limits limits;
  limits.memory_budget_mib = static_cast<std::uint64_t>(random.Between(40, 260));
  limits.summons_in_flight_max = static_cast<std::uint32_t>(random.Between(1, 4));
  limits.waiters_max = static_cast<std::uint32_t>(random.Between(1, 10));
  return limits;
}

}  // namespace

std::uint64_t Random::Next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::int64_t Random::Between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(Next() % static_cast<std::uint64_t>(high - low + 1));
}

Duration Random::Millis(std::int64_t low, std::int64_t high) {
  return std::chrono::microseconds(Between(low * 1000, high * 1000));
}

World::World(std::uint64_t seed, Sabotage sabotage, Log log)
    : random_(seed),
      sabotage_(sabotage),
      logging_(log),
      limits_(RandomLimits(random_)),
      summoner_(Believed(limits_, sabotage)) {}

// --- a life ---

std::optional<Violation> World::Run() {
  Setup();
  CarryOut();
  RunUntil(horizon_);
  if (!checker_.violation()) Settle();
  return checker_.violation();
}

void World::Setup() {
  // A third of all lives without faults: what must hold then is the ordinary case.
  static constexpr int kFaults[] = {0, 10, 40};
  fault_percent_ = kFaults[random_.Between(0, 2)];
  horizon_ = now_ + random_.Millis(20'000, 150'000);
  const std::int64_t services = random_.Between(1, kServicesMax);
  for (std::int64_t i = 0; i < services; ++i) AddService();
  clients_.resize(static_cast<std::size_t>(random_.Between(1, 5)));
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    clients_[i].ttl_factor = static_cast<int>(random_.Between(0, 2));
    After(random_.Millis(0, 3000), [this, i] { ClientActs(i); });
  }
  After(random_.Millis(100, 9000), [this] { OperatorActs(); });
}

void World::RunUntil(Instant end) {
  while (!checker_.violation()) {
    const Instant event_at = queue_.empty() ? kNever : queue_.begin()->first.first;
    Instant timer_at = summoner_.NextDeadline();
    if (timer_at != kNever) timer_at = std::max(now_, timer_at) + random_.Millis(0, 1);
    if (sabotage_ == Sabotage::kLateTimer && timer_at != kNever) {
      timer_at += std::chrono::milliseconds(50);
    }
    if (std::min(event_at, timer_at) > end) break;
    ++steps_;
    if (timer_at <= event_at) {
      now_ = timer_at;
      const bool stuck = sabotage_ == Sabotage::kStuckTimer;
      summoner_.Advance(stuck ? now_ - std::chrono::milliseconds(5) : now_, effects_);
      if (summoner_.NextDeadline() <= now_) {
        checker_.Fail(Invariant::kDeadline, "a deadline is still due");
      }
    } else {
      auto node = queue_.extract(queue_.begin());
      now_ = node.key().first;
      node.mapped()();
    }
    CarryOut();
    Check();
  }
  if (!checker_.violation()) now_ = end;
}

// No more faults: whatever happened, every frame that waited must have been served within three
// minutes (the longest backoff is one, the longest idle time 40 s), and then everybody who asks
// gets a ready instance, by turns where memory is short.
void World::Settle() {
  faults_ = false;
  Note("settle");
  ReachLauncher();
  usable_ = {true, true};
  for (const auto kind : {launcher::Kind::kKvm, launcher::Kind::kProcess}) {
    Tell([this, kind] { summoner_.OnAvailability(kind, Ok(), now_, effects_); });
  }
  // Memory stays as scarce as it was, as far as everybody can have a turn at all.
  for (const auto& [id, service] : services_) {
    const bool keeps = service.spec.policy.on_idle == OnIdle::kKeepRunning;
    const std::uint64_t enough = keeps ? 100'000 : kMemoryMaxMib + kInstanceOverheadMib;
    limits_.memory_budget_mib = std::max(limits_.memory_budget_mib, enough);
  }
  limits_.waiters_max = 100;
  summoner_.SetLimits(limits_, now_, effects_);
  for (auto& [id, service] : services_) Prepare(service);
  CarryOut();
  RunUntil(now_ + std::chrono::minutes(3));
  std::uint64_t asked = 0;
  const std::uint64_t ready_before = ready_answers_;
  for (auto& [id, service] : services_) {
    if (!service.configured) {
      checker_.Fail(Invariant::kLiveness, "a removed service is still there");
    }
    if (service.frames_waiting != 0) {
      checker_.Fail(Invariant::kLiveness, StrCat("service ", Plain(id), ": ",
                                                 service.frames_waiting, " frames wait for ever"));
    }
    const WaiterId waiter{next_waiter_++};
    const Instant until = now_ + std::chrono::minutes(9);
    checker_.Asked(waiter, until);
    const Asker asker{waiter, Patience::kUntilReady, until};
    summoner_.Request(id, {Trigger::kApi, asker, now_}, now_, effects_);
    ++asked;
  }
  CarryOut();
  RunUntil(now_ + std::chrono::minutes(10));
  if (ready_answers_ - ready_before != asked || checker_.waiting() != 0) {
    checker_.Fail(Invariant::kLiveness, StrCat(ready_answers_ - ready_before, " of ", asked,
                                               " services became ready"));
  }
  for (const OutcomeCounters& counters : summoner_.counters().by_trigger) {
    if (counters.in_flight != 0) checker_.Fail(Invariant::kLiveness, "a summon is stuck");
  }
}

void World::At(Instant when, std::function<void()> what) {
  queue_.emplace(std::pair(when, sequence_++), std::move(what));
}

void World::Note(const std::string& line) {
  if (logging_ == Log::kNo) return;
  log_.push_back(StrCat(ToNanos(now_) / 1000, " us: ", line));
}

// --- effects ---

void World::CarryOut() {
  Effects effects;
  effects.swap(effects_);
  for (const Effect& effect : effects) Do(effect);
}

void World::Do(const Effect& effect) {
  if (const auto* launch = std::get_if<Launch>(&effect)) {
    InstanceId id = launch->instance;
    Note(StrCat("launch ", Plain(id.service), " generation ", id.generation));
    if (sabotage_ == Sabotage::kDropLaunch) return checker_.Launched(id);
    if (sabotage_ == Sabotage::kGenerationBack && id.generation > 1) id.generation = 1;
    if (sabotage_ == Sabotage::kLaunchEarly) services_.at(id.service).prepared = false;
    DoLaunch(id);
    if (sabotage_ == Sabotage::kSecondLaunch) DoLaunch({id.service, id.generation + 1});
  } else if (const auto* reclaim = std::get_if<Reclaim>(&effect)) {
    Note(StrCat("reclaim ", Plain(reclaim->instance.service), " generation ",
                reclaim->instance.generation, ": ", ReclaimReasonName(reclaim->reason),
                " to ", static_cast<int>(reclaim->rung)));
    checker_.Reclaimed(reclaim->instance, reclaim->reason, now_);
    DoReclaim(*reclaim);
    if (sabotage_ == Sabotage::kLowerRunning) {
      Do(Lower{reclaim->instance.service, Rung::kOff, ReclaimReason::kIdle});
    }
  } else if (const auto* lower = std::get_if<Lower>(&effect)) {
    Note(StrCat("lower ", Plain(lower->service), " to ", static_cast<int>(lower->rung), ": ",
                ReclaimReasonName(lower->reason)));
    checker_.Lowered(lower->service);
    if (sabotage_ != Sabotage::kDropLower) DoLower(*lower);
  } else if (const auto* forget = std::get_if<Forget>(&effect)) {
    Note(StrCat("forget ", Plain(forget->service)));
    DoForget(forget->service);
  } else if (const auto* answer = std::get_if<Answer>(&effect)) {
    if (sabotage_ == Sabotage::kLoseAnswer) return;
    DoAnswer(*answer);
    if (sabotage_ == Sabotage::kAnswerTwice) DoAnswer(*answer);
  } else if (const auto* refuse = std::get_if<Refuse>(&effect)) {
    Note(StrCat("refuse ", static_cast<std::uint64_t>(refuse->waiter), ": ",
                RefuseReasonName(refuse->reason), ", ", refuse->detail));
    checker_.Replied(refuse->waiter);
    askers_.erase(refuse->waiter);
  } else if (const auto* changed = std::get_if<PhaseChanged>(&effect)) {
    Note(StrCat("phase ", Plain(changed->service), ": ", PhaseName(changed->from), " to ",
                PhaseName(changed->to)));
  }
}

void World::DoAnswer(const Answer& answer) {
  Note(StrCat("answer ", static_cast<std::uint64_t>(answer.waiter), " of ", Plain(answer.service),
              ": ", AnswerReasonName(answer.reason), ", ttl ", answer.ttl.count()));
  checker_.Replied(answer.waiter);
  if (answer.reason == AnswerReason::kReady) ++ready_answers_;
  const auto asker = askers_.find(answer.waiter);
  if (asker == askers_.end()) return;  // a person, not a resolver
  const std::size_t client = asker->second.first;
  askers_.erase(asker);
  // Many answers at once are paced, so some leave a little later.
  const Duration paced = random_.Chance(80) ? Duration(0) : random_.Millis(0, 20);
  const auto send = [this, client, id = answer.service, ttl = answer.ttl] {
    const auto found = services_.find(id);
    if (found == services_.end() || !found->second.configured) return;
    summoner_.AnswerSent(id, ttl, now_);
    checker_.Promised(id, now_ + ttl + found->second.spec.policy.grace);
    const int factor = clients_[client].ttl_factor;
    clients_[client].cache[id] = factor == 0 ? kNever : now_ + ttl * factor;
    if (random_.Chance(80)) After(random_.Millis(0, 50), [this, id] { FrameArrives(id); });
    if (sabotage_ != Sabotage::kReclaimEarly || !found->second.instance) return;
    Do(Reclaim{{id, found->second.instance->generation}, ReclaimReason::kIdle, Rung::kOff});
  };
  if (paced == Duration(0)) {
    send();
  } else {
    After(paced, send);
  }
}

void World::Check() {
  Counters counters = summoner_.counters();
  if (sabotage_ == Sabotage::kMiscount) counters.by_trigger[0].booted = 0;
  checker_.AfterStep(summoner_, counters, now_);
  if (!connected_ || under_way_ != 0) return;
  CheckView();
  CheckRests();
}

void World::CheckView() {
  for (const auto& [id, service] : services_) {
    const auto status = summoner_.StatusOf(id);
    if (!status) continue;  // removed
    const bool believed =
        status->phase != PhaseKind::kAsleep && status->phase != PhaseKind::kFailed;
    if (believed != service.instance.has_value()) {
      checker_.Fail(Invariant::kView, StrCat("service ", Plain(id), " is ",
                                             PhaseName(status->phase), ", but has ",
                                             believed ? "no" : "an", " instance"));
    }
    if (status->phase == PhaseKind::kReady && service.instance && !service.instance->ready) {
      checker_.Fail(Invariant::kView, StrCat("service ", Plain(id), " is not ready in truth"));
    }
    if (status->rest.rung != service.rest.rung) {
      checker_.Fail(Invariant::kView, StrCat("service ", Plain(id), " rests at another rung"));
    }
  }
  if (summoner_.memory_used_mib() != MemoryInUse()) {
    checker_.Fail(Invariant::kView, StrCat(summoner_.memory_used_mib(), " MiB believed, ",
                                           MemoryInUse(), " MiB in use"));
  }
}

// What nobody else needs may rest in memory; nothing else.
void World::CheckRests() {
  std::uint64_t staying = 0;
  bool could_be_lowered = false;
  for (const auto& [id, service] : services_) {
    if (service.instance) {
      staying += service.instance->ending ? 0 : service.instance->mib;
    } else if (!service.lowering) {
      staying += RestMib(service);
      could_be_lowered = could_be_lowered || RestMib(service) > 0;
    }
  }
  if (could_be_lowered && staying > limits_.memory_budget_mib) {
    checker_.Fail(Invariant::kBudget, StrCat(staying, " MiB of ", limits_.memory_budget_mib,
                                            " though services rest in memory"));
  }
}

// --- clients and the operator ---

Policy World::RandomPolicy() {
  Policy policy;
  policy.answer = random_.Chance(50) ? AnswerMode::kImmediately : AnswerMode::kWhenReady;
  policy.hold_max = random_.Millis(0, 1500);
  policy.ttl_asleep = std::chrono::seconds(random_.Between(1, 10));
  policy.ttl_ready = std::chrono::seconds(random_.Between(1, 40));
  policy.grace = random_.Millis(0, 5000);
  policy.idle_timeout = random_.Millis(500, 40'000);
  policy.on_idle = static_cast<OnIdle>(std::max<std::int64_t>(0, random_.Between(-2, 2)));
  policy.rest_at = static_cast<Rung>(random_.Between(0, 3));
  policy.first_byte_slo = random_.Millis(1, 60);
  if (random_.Chance(30)) {
    policy.descend_after[static_cast<std::size_t>(Rung::kParked)] = random_.Millis(100, 9000);
    policy.descend_after[static_cast<std::size_t>(Rung::kSaved)] = random_.Millis(100, 20'000);
    policy.descend_after[static_cast<std::size_t>(Rung::kOff)] = random_.Millis(100, 60'000);
  }
  policy.ready_timeout = random_.Millis(500, 5000);
  policy.backoff_max = random_.Millis(2000, 60'000);
  policy.waiters_max = static_cast<std::uint32_t>(random_.Between(1, 4));
  return policy;
}

ServiceSpec World::RandomSpec() {
  ServiceSpec spec;
  spec.name = "sim";
  spec.policy = RandomPolicy();
  spec.memory_mib = static_cast<std::uint32_t>(random_.Between(8, kMemoryMaxMib));
  spec.kinds = {random_.Chance(70), true};
  if (spec.kinds[0]) spec.kinds[1] = random_.Chance(50);
  spec.snapshots = random_.Chance(80);
  return spec;
}

void World::AddService() {
  Service service;
  service.spec = RandomSpec();
  const auto id = summoner_.Add(service.spec, now_, effects_);
  service.id = *id;
  Prepare(services_.emplace(*id, std::move(service)).first->second);
}

World::Service* World::Pick() {
  if (services_.empty()) return nullptr;
  auto picked = services_.begin();
  std::advance(picked, random_.Between(0, static_cast<std::int64_t>(services_.size()) - 1));
  return picked->second.configured ? &picked->second : nullptr;
}

void World::ClientActs(std::size_t client) {
  if (!faults_) return;  // the settling world is quiet
  After(random_.Millis(20, random_.Chance(92) ? 2000 : 60'000),
        [this, client] { ClientActs(client); });
  Service* service = Pick();
  if (service == nullptr) return;
  const auto cached = clients_[client].cache.find(service->id);
  if (cached != clients_[client].cache.end() && cached->second > now_) {
    return FrameArrives(service->id);
  }
  // A and AAAA, a retransmission: several at once.
  const std::int64_t queries = random_.Between(1, 3);
  for (std::int64_t i = 0; i < queries; ++i) Query(client, *service);
}

void World::Query(std::size_t client, Service& service) {
  const WaiterId waiter{next_waiter_++};
  Note(StrCat("query ", static_cast<std::uint64_t>(waiter), " for ", Plain(service.id)));
  checker_.Asked(waiter, now_ + service.spec.policy.hold_max);
  askers_[waiter] = {client, now_};
  const Asker asker{waiter, Patience::kByPolicy, kNever};
  // Now and then the asker's network has had its share of parked answers.
  const bool has_share = static_cast<std::uint64_t>(waiter) % 10 == 0;
  const Parking parking = has_share ? Parking::kFull : Parking::kAllowed;
  const std::uint32_t waiting = summoner_.waiters();
  summoner_.Request(service.id, {Trigger::kDns, asker, now_, parking}, now_, effects_);
  if (parking == Parking::kFull && summoner_.waiters() > waiting) {
    checker_.Fail(Invariant::kWaiterInTime,
                  StrCat("waiter ", static_cast<std::uint64_t>(waiter), " exceeds its share"));
  }
}

void World::Ask(Service& service, Trigger trigger) {
  std::optional<Asker> asker;
  if (random_.Chance(60)) {
    asker = Asker{WaiterId{next_waiter_++}, Patience::kUntilReady,
                  now_ + random_.Millis(0, 10'000)};
    checker_.Asked(asker->waiter, asker->until);
  }
  Note(StrCat(TriggerName(trigger), " asks for ", Plain(service.id)));
  summoner_.Request(service.id, {trigger, asker, now_}, now_, effects_);
}

void World::OperatorActs() {
  if (!faults_) return;
  After(random_.Millis(100, 12'000), [this] { OperatorActs(); });
  Service* service = Pick();
  const std::int64_t what = random_.Between(0, 99);
  if (what < 25 && service != nullptr) {
    Ask(*service, what < 20 ? Trigger::kApi : Trigger::kSchedule);
  } else if (what < 35 && service != nullptr) {
    Note(StrCat("operator reclaims ", Plain(service->id)));
    summoner_.ReclaimByOperator(service->id, static_cast<Rung>(random_.Between(0, 3)), now_,
                                effects_);
  } else if (what < 45) {
    limits_ = RandomLimits(random_);
    Note(StrCat("budget ", limits_.memory_budget_mib));
    summoner_.SetLimits(Believed(limits_, sabotage_), now_, effects_);
  } else if (what < 65) {
    ChangeOne();
  } else if (what < 72) {
    TellStale();
  } else if (fault_percent_ > 0 && what < 78) {
    LoseRest();
  } else if (fault_percent_ > 0 && what < 88) {
    FlipAvailability();
  } else if (fault_percent_ > 0 && what < 95) {
    LoseLauncher();
  }
}

// A reload that changes, removes or adds one service.
void World::ChangeOne() {
  Service* service = Pick();
  const std::int64_t what = random_.Between(0, 2);
  if (what == 0 && service != nullptr) {
    Note(StrCat("reload changes ", Plain(service->id)));
    service->spec = RandomSpec();
    summoner_.Replace(service->id, service->spec, now_, effects_);
    Prepare(*service);
  } else if (what == 1 && service != nullptr) {
    Note(StrCat("reload removes ", Plain(service->id)));
    service->configured = false;
    summoner_.Remove(service->id, now_, effects_);
  } else if (services_.size() < kServicesMax) {
    Note("reload adds one");
    AddService();
  }
}

}  // namespace summon::summoner::sim
