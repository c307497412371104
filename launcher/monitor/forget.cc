// SPDX-License-Identifier: Apache-2.0
// Services that go, and those that wait for what they leave.
#include <algorithm>

#include "launcher/monitor/body.h"

namespace summon::launcher {

void MonitorLauncher::Body::Forget(ServiceId id) {
  const auto found = services_.find(id);
  if (found == services_.end()) return;
  std::unique_ptr<Service> service = std::move(found->second);
  services_.erase(found);
  std::erase_if(arrivals_, [id](const Arrival& arrival) { return arrival.id == id; });
  service->preparation.reset();
  // At most one process holds its tap.
  if (service->instance != nullptr && service->instance->guest() != nullptr) {
    service->last = service->instance->Release().process;
  } else if (service->descent != nullptr) {
    service->last = service->descent->Abandon();
    service->descent.reset();
  } else if (service->resting.has_guest()) {
    service->last = std::move(service->resting.guest.process);
  }
  if (service->order && !keep_saved_) {
    loop_.Offload([store = store_, name = service->order->order.service] { store.Remove(name); },
                  [] {});
  }
  Service* raw = service.get();
  departing_.push_back(std::move(service));
  if (raw->last == nullptr) {
    if (raw->instance == nullptr) {
      departing_.pop_back();
      return;
    }
    return Later([this, raw] { Departed(raw); });
  }
  raw->last->Silence();
  raw->last->Kill();
  raw->last->OnExit([this, raw](const MonitorExit&) { Departed(raw); });
}

void MonitorLauncher::Body::Departed(const Service* service) {
  const auto found =
      std::find_if(departing_.begin(), departing_.end(),
                   [service](const std::unique_ptr<Service>& one) { return one.get() == service; });
  SUMMON_CHECK(found != departing_.end());
  const std::unique_ptr<Service> gone = std::move(*found);
  departing_.erase(found);
  pool_.attic().Put(std::move(gone->last));
  if (gone->instance != nullptr) events_.OnEnded(gone->instance->id, EndReport{});
  gone->tap_watcher.reset();
  gone->tap.reset();
  // Who waited for its tap may go on.
  for (const Arrival& arrival : arrivals_) {
    const LaunchOrder& order = arrival.prepared.order;
    if (DepartingHolds(TapSpec{order.tap_name, order.address, order.gateway, {}})) continue;
    Later([this, id = arrival.id] {
      const auto waiting = std::find_if(arrivals_.begin(), arrivals_.end(),
                                        [id](const Arrival& one) { return one.id == id; });
      if (waiting == arrivals_.end()) return;  // overtaken or forgotten meanwhile
      PreparedOrder prepared = std::move(waiting->prepared);
      arrivals_.erase(waiting);
      Establish(*Find(id), std::move(prepared));
    });
  }
}

}  // namespace summon::launcher
