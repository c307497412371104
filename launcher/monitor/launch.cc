// SPDX-License-Identifier: Apache-2.0
// Instances: from Launch to Ended.
#include <algorithm>

#include "base/strings.h"
#include "launcher/monitor/body.h"

namespace summon::launcher {

void MonitorLauncher::Body::Launch(InstanceId id) {
  Service* service = Find(id.service);
  if (service == nullptr || !service->order) {
    return TellEnded(id, EndReason::kHostFault, "launch: the service is not prepared");
  }
  if (service->instance != nullptr) {
    return TellEnded(id, EndReason::kHostFault, "launch: the service already has an instance");
  }
  if (!service->order->order.nets.empty() && service->tap == nullptr) RenewTap(*service);
  if (!service->order->order.nets.empty() && service->tap == nullptr) {
    return TellEnded(id, EndReason::kHostFault, service->tap_problem);
  }
  if (service->tap_watcher != nullptr) {
    service->tap_watcher->Watch(FdWatcher::Interest::kNone);
  }
  EndReport why;
  const Status started = StartInstance(*service, id, why);
  if (started.ok()) {
    if (service->tap != nullptr) {
      const Status awake = service->tap->Wake();
      if (!awake.ok()) log_.Error("cannot open tap", {{"why", awake.error().message()}});
      meter_timer_.Set(loop_.Now() + kTrafficPeriod);
    }
    return;
  }
  // The end is told from the loop, and only then does the service rest again.
  Later([this, id, why] {
    Service* resting = Find(id.service);
    if (resting != nullptr && resting->instance == nullptr && resting->order) Rest(*resting);
    events_.OnEnded(id, why);
  });
}

Status MonitorLauncher::Body::StartInstance(Service& service, InstanceId id, EndReport& why) {
  why.reason = EndReason::kUnavailable;
  for (const CheckedImage& image : service.order->images) {
    const Status& available = pool_.availability(image.kind);
    std::string problem;
    if (available.ok()) {
      Result<std::unique_ptr<Instance>> instance = GiveJob(service, id, image);
      if (instance.ok()) {
        service.instance = std::move(instance).value();
        return Ok();
      }
      problem = instance.error().message();
      // Still available: it is not the kind that is missing.
      if (pool_.availability(image.kind).ok()) why.reason = EndReason::kHostFault;
    } else {
      problem = available.error().message();
    }
    why.detail += StrCat(why.detail.empty() ? "" : "; ", KindName(image.kind), ": ", problem);
  }
  return Error(ErrorCode::kUnavailable, why.detail);
}

Result<std::unique_ptr<Instance>> MonitorLauncher::Body::GiveJob(Service& service, InstanceId id,
                                                                 const CheckedImage& image) {
  const Instance::Setting setting{.id = id,
                                  .kind = image.kind,
                                  .prepared = &*service.order,
                                  .image = image.sealed.get(),
                                  .tap = service.tap == nullptr ? -1 : service.tap->fd()};
  SUMMON_TRY(CheckBlockFiles(service.order->order, *service.order->frame));
  // A waiting monitor may have been killed a moment ago; the last attempt is with a fresh one.
  constexpr std::size_t kAttemptsMax = kPoolMax + 1;
  for (std::size_t attempt = 1;; ++attempt) {
    std::unique_ptr<MonitorProcess> process = SUMMON_TRY(pool_.Take(image.kind));
    Result<std::unique_ptr<Instance>> instance = Instance::Start(
        loop_, setting, process, service.console,
        InstanceCallbacks{
            .on_stage = [this, id](const StageReport& report) { events_.OnStage(id, report); },
            .on_ended = [this, id](const EndReport& report) { Ended(id, report); }});
    if (instance.ok() || instance.error().code() != ErrorCode::kUnavailable ||
        attempt == kAttemptsMax) {
      return instance;
    }
  }
}

void MonitorLauncher::Body::Ended(InstanceId id, const EndReport& report) {
  Service* service = Find(id.service);
  if (service == nullptr || service->instance == nullptr || service->instance->id != id) {
    return Departed(id, report);
  }
  const Kind kind = service->instance->kind;
  service->instance.reset();
  service->meter_once = service->tap != nullptr;
  Rest(*service);
  if (report.reason == EndReason::kHostFault) pool_.Suspect(kind);
  events_.OnEnded(id, report);
}

void MonitorLauncher::Body::Departed(InstanceId id, const EndReport& report) {
  departing_.remove_if([id](const std::unique_ptr<Service>& service) {
    return service->instance->id == id;
  });
  EndReport told = report;
  told.reason = EndReason::kReclaimed;
  events_.OnEnded(id, told);
  // Who waited for its tap may go on.
  for (auto arrival = arrivals_.begin(); arrival != arrivals_.end();) {
    const auto next = std::next(arrival);
    const LaunchOrder& order = arrival->prepared.order;
    if (!DepartingHolds(TapSpec{order.tap_name, order.address, order.gateway, {}})) {
      Later([this, id_of_service = arrival->id] {
        const auto found = std::find_if(
            arrivals_.begin(), arrivals_.end(),
            [id_of_service](const Arrival& one) { return one.id == id_of_service; });
        if (found == arrivals_.end()) return;  // overtaken or forgotten meanwhile
        PreparedOrder prepared = std::move(found->prepared);
        arrivals_.erase(found);
        Establish(*Find(id_of_service), std::move(prepared));
      });
    }
    arrival = next;
  }
}

void MonitorLauncher::Body::Meter() {
  bool again = false;
  std::vector<std::pair<ServiceId, Traffic>> news;
  for (auto& [id, service] : services_) {
    if (service->tap == nullptr || (service->instance == nullptr && !service->meter_once)) continue;
    service->meter_once = false;
    again = again || service->instance != nullptr;
    const Result<Traffic> traffic = service->tap->ReadTraffic();
    if (!traffic.ok() || *traffic == service->traffic) continue;
    service->traffic = *traffic;
    news.emplace_back(id, *traffic);
  }
  if (again) meter_timer_.Set(loop_.Now() + kTrafficPeriod);
  for (const auto& [id, traffic] : news) events_.OnTraffic(id, traffic);
}

}  // namespace summon::launcher
