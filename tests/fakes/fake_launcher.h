// SPDX-License-Identifier: Apache-2.0
#pragma once
// A launcher that makes nothing: a script says what happens to each launch, a fake clock says
// when. What it has to tell waits in a queue until the test pumps it, so no callback ever runs
// inside a call. It keeps the port's promises (tests/launcher/conformance.h holds for it);
// faults are injected by script or by hand.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "launcher/launcher.h"

namespace summon::fakes {

// What becomes of the launches of a service. Times count from Launch.
struct FakeScript {
  launcher::Kind kind = launcher::Kind::kKvm;
  Duration assigned_after = std::chrono::microseconds(50);
  Duration loaded_after = std::chrono::microseconds(150);
  Duration running_after = std::chrono::microseconds(200);
  std::optional<Duration> ready_after = std::chrono::milliseconds(1);  // none: never ready
  // It ends by itself at this time; stages due later are not told.
  std::optional<Duration> ends_after;
  launcher::EndReport end{.reason = launcher::EndReason::kHalted};
  Duration prepare_takes = std::chrono::microseconds(500);
  Duration reclaim_takes = std::chrono::microseconds(300);
  // From Launch to ready when something rests; indexed by launcher::Rung, the last is not used.
  std::array<Duration, launcher::kRungs> wake_takes{
      std::chrono::microseconds(60), std::chrono::microseconds(300),
      std::chrono::microseconds(800), Duration(0)};
  bool snapshots = true;    // whether its kind can park and save (if the order says so, too)
  bool wake_fails = false;  // what rests turns out to be damaged: it boots instead
};

class FakeLauncher final : public launcher::Launcher {
 public:
  // A Prepare whose first image has this path fails, as for an image that cannot be booted.
  static constexpr std::string_view kBadImagePath = "bad.hvt";

  FakeLauncher(const Clock& clock, launcher::Events& events);

  FakeLauncher(const FakeLauncher&) = delete;
  FakeLauncher& operator=(const FakeLauncher&) = delete;

  void Prepare(ServiceId service, launcher::LaunchOrder order) override;
  void Forget(ServiceId service) override;
  void Launch(InstanceId instance) override;
  void Reclaim(InstanceId instance, launcher::Rung rung) override;
  void Lower(ServiceId service, launcher::Rung rung) override;
  void ReadConsole(ServiceId service, std::function<void(std::string)> done) override;

  // Tells all that is due at the clock's time, in order of time, then of asking. What the
  // callbacks cause and is due too is told in the same call. Returns how much was told.
  std::size_t Pump();
  // When the next thing is due; kNever when nothing is.
  Instant NextDue() const;

  // The script of launches and Prepares from now on; a service without its own has the default.
  void SetDefaultScript(const FakeScript& script) { default_script_ = script; }
  void SetScript(ServiceId service, const FakeScript& script) { scripts_[service] = script; }

  // Ends a living instance as if it had died; nothing for any other. Told at the next Pump.
  void Kill(InstanceId instance, launcher::EndReport report);
  // What rests of the service is lost, as when its waiting monitor dies. Told at the next Pump.
  void LoseRest(ServiceId service);
  // OnRungMeasured at the next Pump.
  void SetMeasure(const launcher::RungMeasure& measure);
  // A frame arrives at the service's tap: OnPacket when it sleeps and was not told yet.
  void ReceivePacket(ServiceId service);
  // Frames pass; OnTraffic at the next Pump.
  void SetTraffic(ServiceId service, const launcher::Traffic& traffic);
  // Launches end with kUnavailable while the script's kind is not ok. Kinds begin available.
  void SetAvailability(launcher::Kind kind, Status status);
  void PrintToConsole(ServiceId service, std::string_view text);

  // What was asked, in order, and what lives now.
  const std::vector<InstanceId>& launches() const { return launches_; }
  const std::vector<InstanceId>& reclaims() const { return reclaims_; }
  launcher::Rest RestOf(ServiceId service) const;
  std::optional<InstanceId> Living(ServiceId service) const;
  std::size_t living() const;
  bool prepared(ServiceId service) const;
  // The order that stands; null when the service is not prepared.
  const launcher::LaunchOrder* order(ServiceId service) const;

 private:
  struct Running {
    InstanceId id;
    bool ending = false;
    bool ready = false;
    launcher::Rung from = launcher::Rung::kOff;   // what it woke from
    launcher::Rung rung = launcher::Rung::kOff;   // what Reclaim asked for
    FakeScript script;
  };
  struct Service {
    launcher::LaunchOrder order;
    bool stands = false;
    std::optional<Running> running;
    launcher::Rest rest;
    bool packet_waits = false;
    bool packet_told = false;
    std::string console;
  };
  struct Due {
    Instant at;
    std::uint64_t sequence;
    friend auto operator<=>(const Due&, const Due&) = default;
  };

  const FakeScript& ScriptOf(ServiceId service) const;
  Service* Find(ServiceId service);
  void Later(Duration wait, std::function<void()> what);
  void FinishPrepare(ServiceId service, launcher::LaunchOrder order);
  void TellStage(InstanceId instance, launcher::Stage stage);
  // Has the living `instance` end after `wait`; later ends of the same instance do nothing.
  void EndLater(InstanceId instance, Duration wait, launcher::EndReport report);
  void TellPacketIfResting(ServiceId id);
  // The rest that the living instance comes to when `rung` is asked for.
  static launcher::Rest RestAt(const Service& service, launcher::Rung rung);
  // Sets what rests of a service without instance, and tells it soon.
  void ChangeRest(ServiceId id, launcher::Rest rest);

  const Clock& clock_;
  launcher::Events& events_;
  FakeScript default_script_;
  std::map<ServiceId, FakeScript> scripts_;
  std::map<ServiceId, Service> services_;
  std::map<launcher::Kind, Status> availability_;
  std::map<Due, std::function<void()>> queue_;
  std::uint64_t next_sequence_ = 0;
  std::vector<InstanceId> launches_;
  std::vector<InstanceId> reclaims_;
};

}  // namespace summon::fakes
