// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small world around a real Summoner: a clock, clients with caching resolvers, taps, a launcher
// with its faults, and an operator who reloads. Everything follows from one seed.
//
// Commands to the launcher arrive at once; what it tells takes up to a millisecond and arrives in
// order, so that a reclaim crosses with an end, a ready with a time-out, and so on.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "launcher/launcher.h"
#include "summoner/summoner.h"
#include "tests/summoner/sim_checker.h"

namespace summon::summoner::sim {

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine and library.
class Random final {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next();
  // Uniform in [low, high].
  std::int64_t Between(std::int64_t low, std::int64_t high);
  bool Chance(int percent) { return Between(0, 99) < percent; }
  Duration Millis(std::int64_t low, std::int64_t high);  // with a resolution of microseconds

 private:
  std::uint64_t state_;
};

// A fault put between the summoner and the world on purpose: it stands for a bug in Step or in a
// launcher, and the checker has to notice.
enum class Sabotage {
  kNone,
  kSecondLaunch,    // a Launch is carried out though an instance exists
  kLoseAnswer,      // an Answer is not carried out
  kAnswerTwice,     // an Answer is carried out twice
  kReclaimEarly,    // an instance is reclaimed as idle right after an answer
  kIgnoreBudget,    // the summoner believes in more memory than there is
  kIgnoreInFlight,  // the summoner believes that more may be in flight than may
  kEndTwice,        // the launcher tells an end twice
  kGenerationBack,  // a Launch has an old generation
  kMiscount,        // one counter is not kept
  kLaunchEarly,     // an instance is launched before the launcher has its order
  kDropLaunch,      // a Launch is not carried out
  kLateTimer,       // the timer comes late
  kStuckTimer,      // Advance is called with a time that has not come
  kDropPacket,      // the launcher never tells of packets
  kFreeRests,       // the launcher says that rests hold no memory
  kLowerRunning,    // a service that runs is lowered
  kDropLower,       // a Lower is not carried out
  kNeverReady,      // the launcher never tells that an instance is ready
};

class World final {
 public:
  enum class Log { kNo, kYes };
  World(std::uint64_t seed, Sabotage sabotage, Log log);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Lives through the seed; what was violated first, if anything.
  std::optional<Violation> Run();

  const std::vector<std::string>& log() const { return log_; }
  const Counters& counters() const { return summoner_.counters(); }
  std::uint64_t steps() const { return steps_; }
  std::uint64_t frames_served() const { return frames_served_; }

 private:
  struct Instance {
    std::uint64_t generation = 0;
    std::uint64_t mib = 0;
    std::uint64_t token = 0;  // tells it from any other instance ever
    launcher::Kind kind{};
    bool ready = false;
    bool ending = false;
    Instant launched{};
    Rung from = Rung::kOff;  // what it woke from
    Rung rung = Rung::kOff;  // where it was told to rest
  };
  // A service as the launcher, its tap and the operator's file know it.
  struct Service {
    ServiceId id{};
    ServiceSpec spec;
    bool configured = true;
    bool prepared = false;
    bool packet_told = false;
    std::uint64_t frames_waiting = 0;
    launcher::Traffic traffic;
    bool traffic_due = false;
    std::optional<Instance> instance;
    Rest rest;
    std::uint64_t rest_of_mib = 0;  // the memory of the machine that rests
    bool lowering = false;
  };
  struct Client {
    int ttl_factor = 1;  // 0: the TTL is ignored, an address is used for ever
    std::map<ServiceId, Instant> cache;
  };

  // sim_world.cc: time, effects, clients, the operator
  void Setup();
  void At(Instant when, std::function<void()> what);
  void After(Duration wait, std::function<void()> what) { At(now_ + wait, std::move(what)); }
  void RunUntil(Instant end);
  void Note(const std::string& line);
  void CarryOut();
  void Do(const Effect& effect);
  void DoAnswer(const Answer& answer);
  void Check();
  void CheckView();
  void CheckRests();
  void Settle();
  Policy RandomPolicy();
  ServiceSpec RandomSpec();
  void AddService();
  Service* Pick();
  void ClientActs(std::size_t client);
  void Query(std::size_t client, Service& service);
  void Ask(Service& service, Trigger trigger);
  void OperatorActs();
  void ChangeOne();

  // sim_launcher.cc: the launcher and the taps
  void DoLaunch(InstanceId id);
  void DoReclaim(const Reclaim& reclaim);
  void DoLower(const Lower& lower);
  void DoForget(ServiceId id);
  void ScheduleLife(Service& service);
  void BecomeReady(ServiceId id, std::uint64_t token);
  void End(ServiceId id, std::uint64_t token, launcher::EndReason reason);
  Rest RestAfter(const Service& service);
  void ChangeRest(Service& service, const Rest& rest);
  void TellRest(const Service& service);
  void LoseRest();
  void Measure(const Instance& instance);
  void Prepare(Service& service);
  void FrameArrives(ServiceId id);
  void TellPacket(Service& service);
  void TellTraffic(Service& service);
  void TellStale();
  void Tell(std::function<void()> what);
  void FlipAvailability();
  void LoseLauncher();
  void ReachLauncher();
  bool Usable(const ServiceSpec& spec) const;
  std::uint64_t MemoryInUse() const;
  static std::uint64_t RestMib(const Service& service);
  std::uint32_t Booting() const;

  Random random_;
  const Sabotage sabotage_;
  const Log logging_;
  int fault_percent_ = 0;
  bool faults_ = true;
  Instant now_ = InstantFromNanos(1'000'000'000);
  Instant horizon_{};
  Limits limits_;  // the true ones
  Summoner summoner_;
  Checker checker_;
  Effects effects_;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t sequence_ = 0;
  std::map<ServiceId, Service> services_;
  std::vector<Client> clients_;
  std::map<WaiterId, std::pair<std::size_t, Instant>> askers_;  // lookups: who asked
  std::uint64_t next_waiter_ = 1;
  std::uint64_t next_token_ = 1;
  bool connected_ = true;
  std::uint64_t epoch_ = 0;  // of the connection to the launcher
  std::uint32_t under_way_ = 0;
  std::vector<InstanceId> lost_;  // ended while nobody could be told
  Instant last_told_{};
  std::array<bool, launcher::kKinds> usable_{true, true};
  std::uint64_t ready_answers_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t frames_served_ = 0;
  std::vector<std::string> log_;
};

}  // namespace summon::summoner::sim
