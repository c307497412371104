// SPDX-License-Identifier: Apache-2.0
#pragma once
// The conductor lets the pure summoner act: it feeds it requests, launcher events and time, and
// carries out its effects. It owns who waits for which answer. One loop thread.

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "launcher/launcher.h"
#include "summoner/summoner.h"

namespace summon::summoner {

// Somebody who asked and waits. Exactly one of the two is called, once, then it is destroyed;
// neither calls back into the conductor.
class Reply {
 public:
  virtual ~Reply() = default;
  // The service's address, good for `ttl`; `reason` says whether it is ready. False when the
  // answer could not be sent (the asker is gone): no lease is granted for it.
  virtual bool Answer(std::chrono::seconds ttl, AnswerReason reason) = 0;
  virtual void Refuse(RefuseReason reason, const std::string& detail) = 0;
};

// What happened, for those who count and log. Called in the order of events.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnPhase(ServiceId service, PhaseKind phase) = 0;
  virtual void OnAnswered(ServiceId service, Instant received, Instant sent) = 0;
  virtual void OnStageReached(ServiceId service, launcher::Stage stage) = 0;
  virtual void OnInstanceEnded(ServiceId service, const launcher::EndReport& report) = 0;
  virtual void OnTapTraffic(ServiceId service, const launcher::Traffic& traffic) = 0;
};

class Conductor final : public launcher::Events {
 public:
  // Those who wait and are released together are answered so many in one turn of the loop, newest
  // first: an answer may be larger than its question, and a pulse of them is a weapon.
  static constexpr std::size_t kReleasesMax = 64;

  // All outlive the conductor. UseLauncher comes before the loop runs.
  Conductor(Loop& loop, Logger& log, Summoner& summoner);
  ~Conductor() override = default;
  Conductor(const Conductor&) = delete;
  Conductor& operator=(const Conductor&) = delete;

  void UseLauncher(launcher::Launcher& launcher) { launcher_ = &launcher; }
  // How log lines call a service.
  void SetNames(std::function<std::string(ServiceId)> name_of) { name_of_ = std::move(name_of); }
  void AddObserver(Observer& observer) { observers_.push_back(&observer); }

  Summoner& summoner() { return summoner_; }

  // --- who asks ---
  struct Question {
    Trigger trigger{};
    Instant received{};
    Patience patience = Patience::kByPolicy;
    Instant until = kNever;  // for kUntilReady
    Parking parking = Parking::kAllowed;  // kFull: be answered rather than wait
  };
  // Somebody who waits for an answer; `reply` may be called before this returns.
  void Request(ServiceId service, const Question& question, std::unique_ptr<Reply> reply);
  // Nobody waits: a packet, or a lookup that is answered otherwise.
  void Nudge(ServiceId service, Trigger trigger, Instant received);
  // Ends the instance to rest at `rung` or below, or lowers what rests above it.
  void Reclaim(ServiceId service, Rung rung);

  // Calls the summoner and carries out what it wants, for changes of the registry.
  void Change(const std::function<void(Instant now, Effects& effects)>& change);

  // --- launcher::Events ---
  void OnPrepared(ServiceId service, Status status) override;
  void OnStage(InstanceId instance, const launcher::StageReport& report) override;
  void OnEnded(InstanceId instance, const launcher::EndReport& report) override;
  void OnPacket(ServiceId service, Instant seen) override;
  void OnTraffic(ServiceId service, const launcher::Traffic& traffic) override;
  void OnAvailability(launcher::Kind kind, const Status& status) override;
  void OnRest(ServiceId service, const launcher::Rest& rest) override;
  void OnRungMeasured(const launcher::RungMeasure& measure) override;

  // Called with the launcher's answer to each order.
  void SetOnPrepared(std::function<void(ServiceId, const Status&)> on_prepared) {
    on_prepared_ = std::move(on_prepared);
  }
  // What the launcher said of each kind; empty text when it is usable, no value before it spoke.
  const std::optional<std::string>& KindProblem(launcher::Kind kind) const {
    return kind_problems_[static_cast<std::size_t>(kind)];
  }

 private:
  struct Waiting {
    std::unique_ptr<Reply> reply;
    Instant received{};
  };

  using Release = std::variant<Answer, Refuse>;

  void CarryOut(const Effects& effects);
  void CarryOutOne(const Effect& effect);
  void Do(const Launch& launch);
  void Do(const summoner::Reclaim& reclaim);
  void Do(const Lower& lower);
  void Do(const Forget& forget);
  void Do(const Answer& answer);
  void Do(const Refuse& refuse);
  void Do(const PhaseChanged& change);
  void Do(const CountOutcome&) {}  // counted inside the summoner
  void Do(const CountStale&) {}
  void SetTimer();
  void ReleaseInTurn(Release release);
  void ReleaseNow(const Answer& answer);
  void ReleaseNow(const Refuse& refuse);
  void NextTurn();
  void TellSent();
  std::unique_ptr<Waiting> TakeWaiting(WaiterId waiter);

  Loop& loop_;
  Logger& log_;
  Summoner& summoner_;
  launcher::Launcher* launcher_ = nullptr;
  std::function<std::string(ServiceId)> name_of_;
  std::vector<Observer*> observers_;
  std::function<void(ServiceId, const Status&)> on_prepared_;
  std::array<std::optional<std::string>, launcher::kKinds> kind_problems_;

  std::uint64_t next_waiter_ = 1;
  std::unordered_map<WaiterId, Waiting> waiting_;
  // Answers that left while effects were carried out; the summoner is told afterwards.
  struct Sent {
    ServiceId service{};
    std::chrono::seconds ttl{0};
  };
  std::vector<Sent> sent_;
  std::optional<WaiterId> asking_;  // whose request is being carried out: it need not wait
  std::deque<Release> releases_;    // for later turns; each is of one in waiting_
  std::size_t released_ = 0;        // in this turn
  Instant timer_at_ = kNever;
  Timer timer_;
  Timer next_turn_;
};

}  // namespace summon::summoner
