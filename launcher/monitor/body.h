// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inside of MonitorLauncher: services, what departs, and the pool behind them.

#include <list>
#include <map>
#include <memory>

#include "launcher/monitor/monitor_launcher.h"
#include "launcher/monitor/pool.h"
#include "launcher/monitor/rung_measures.h"
#include "launcher/monitor/service.h"
#include "launcher/monitor/snapshot_store.h"

namespace summon::launcher {

class MonitorLauncher::Body final {
 public:
  Body(Loop& loop, Logger& log, Events& events, MonitorLauncherOptions options);

  void Prepare(ServiceId id, LaunchOrder order);
  void Forget(ServiceId id);
  void KeepSaved() { keep_saved_ = true; }
  void Launch(InstanceId instance);
  void Reclaim(InstanceId instance, Rung rung);
  void Lower(ServiceId id, Rung rung);
  void ReadConsole(ServiceId id, std::function<void(std::string)> done);
  std::size_t processes() const { return pool_.alive(); }
  std::uint64_t hung() const { return hung_; }
  MonitorPool::Counters pool(Kind kind) const { return pool_.counters(kind); }

 private:
  // A prepared order that waits until a forgotten service has let go of its tap.
  struct Arrival {
    ServiceId id;
    PreparedOrder prepared;
  };

  Service* Find(ServiceId id);
  // The service, when this is its instance.
  Service* Find(InstanceId id);
  // Runs `what` from the loop, unless this object is gone by then.
  void Later(std::function<void()> what);
  void TellPrepared(ServiceId id, Status status);
  void TellEnded(InstanceId instance, EndReason reason, std::string detail);

  // prepare.cc
  void Prepared(ServiceId id, Result<PreparedOrder> prepared);
  // Makes `prepared` the order of the service: with the tap that it has, or a new one.
  void Establish(Service& service, PreparedOrder prepared);
  void Adopt(Service& service, PreparedOrder prepared);
  void MakeSpare(Service& service);
  void DropBeforeTap(Service& service);
  bool DepartingHolds(const TapSpec& spec) const;
  Status ReplaceTap(Service& service, const PreparedOrder& prepared);
  void SleepAndWatch(Service& service);
  void WatchTap(Service& service);
  void TapReady(ServiceId id, FdWatcher::Ready ready);
  void RenewTap(Service& service);

  // launch.cc
  void Begin(Service& service);
  void Boot(Service& service);
  Status StartInstance(Service& service, EndReport& why);
  void Running(Service& service, Guest guest, Rung from);
  void Reached(InstanceId id, const StageReport& report);
  void Exited(InstanceId id, const MonitorExit& exit);
  // Ends the instance; `resting` of the service is what rests of it.
  void End(Service& service, EndReport report);
  void Meter();
  bool LookAtMonitors();
  bool AnyInstance() const;

  // wake.cc
  // Wakes what rests, or says why not: then nothing rests any more.
  Status Wake(Service& service);
  Status WakePaused(Service& service);
  Status WakeParked(Service& service);
  Status WakeSaved(Service& service);
  Status Restore(Service& service, int snapshot);
  void Loaded(InstanceId id, Result<UniqueFd> snapshot);

  // rest.cc
  Rung Reachable(const Service& service, Rung rung) const;
  void Descend(Service& service, Resting from, Descent::State state, Rung target);
  void Descended(ServiceId id, Descent::Outcome outcome);
  // Keeps watch over what rests.
  void Keep(Service& service, Resting resting);
  void Drop(Service& service);
  void Lost(ServiceId id, const MonitorExit& exit);

  // forget.cc
  void Departed(const Service* service);

  Loop& loop_;
  Logger& log_;
  Events& events_;
  // Tells tasks of the loop that cannot be recalled whether this object still lives.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  const SnapshotStore store_;
  OffloadLane saving_;
  bool keep_saved_ = false;
  MonitorPool pool_;
  ImageChecker checker_;
  RungMeasures measures_;
  Timer meter_timer_;
  HostSide host_side_;
  std::map<ServiceId, std::unique_ptr<Service>> services_;
  std::list<std::unique_ptr<Service>> departing_;  // forgotten, the last process not yet reaped
  std::list<Arrival> arrivals_;
  std::optional<ServiceId> looked_at_;  // the watchdog's place in its round
  std::uint64_t hung_ = 0;              // monitors that the watchdog ended
  Watchdog watchdog_;
};

}  // namespace summon::launcher
