// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inside of MonitorLauncher: services, what departs, and the pool behind them.

#include <list>
#include <map>
#include <memory>

#include "launcher/monitor/monitor_launcher.h"
#include "launcher/monitor/pool.h"
#include "launcher/monitor/service.h"

namespace summon::launcher {

class MonitorLauncher::Body final {
 public:
  Body(Loop& loop, Logger& log, Events& events, MonitorLauncherOptions options);

  void Prepare(ServiceId id, LaunchOrder order);
  void Forget(ServiceId id);
  void Launch(InstanceId instance);
  void Reclaim(InstanceId instance);
  void ReadConsole(ServiceId id, std::function<void(std::string)> done);
  std::size_t processes() const { return pool_.alive(); }

 private:
  // A prepared order that waits until a forgotten service has let go of its tap.
  struct Arrival {
    ServiceId id;
    PreparedOrder prepared;
  };

  Service* Find(ServiceId id);
  // Runs `what` from the loop, unless this object is gone by then.
  void Later(std::function<void()> what);
  void TellPrepared(ServiceId id, Status status);
  void TellEnded(InstanceId instance, EndReason reason, std::string detail);

  // prepare.cc
  void Prepared(ServiceId id, Result<PreparedOrder> prepared);
  // Makes `prepared` the order of the service: with the tap that it has, or a new one.
  void Establish(Service& service, PreparedOrder prepared);
  bool DepartingHolds(const TapSpec& spec) const;
  Status ReplaceTap(Service& service, const PreparedOrder& prepared);
  void Rest(Service& service);
  void WatchTap(Service& service);
  void TapReady(ServiceId id, FdWatcher::Ready ready);
  void RenewTap(Service& service);

  // launch.cc
  Status StartInstance(Service& service, InstanceId id, EndReport& why);
  Result<std::unique_ptr<Instance>> GiveJob(Service& service, InstanceId id,
                                            const CheckedImage& image);
  void Ended(InstanceId id, const EndReport& report);
  void Departed(InstanceId id, const EndReport& report);
  void Meter();

  Loop& loop_;
  Logger& log_;
  Events& events_;
  // Tells tasks of the loop that cannot be recalled whether this object still lives.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  MonitorPool pool_;
  ImageChecker checker_;
  Timer meter_timer_;
  HostSide host_side_;
  std::map<ServiceId, std::unique_ptr<Service>> services_;
  std::list<std::unique_ptr<Service>> departing_;  // forgotten, the instance not yet reaped
  std::list<Arrival> arrivals_;
};

}  // namespace summon::launcher
