// SPDX-License-Identifier: Apache-2.0
// From an instance to what rests, and further down.
#include "base/strings.h"
#include "launcher/monitor/body.h"
#include "launcher/monitor/end_report.h"

namespace summon::launcher {

void MonitorLauncher::Body::Reclaim(InstanceId id, Rung rung) {
  Service* service = Find(id);
  if (service == nullptr) return;
  Instance& instance = *service->instance;
  const bool again = instance.asked == Asked::kReclaim;
  instance.asked = Asked::kReclaim;
  if (service->tap != nullptr && !again) {
    // While the guest still reads: noise that comes from now on is not left in the queue, where
    // it would wake the service again.
    const Status asleep = service->tap->Sleep();
    if (!asleep.ok()) log_.Warning("cannot filter tap", {{"why", asleep.error().message()}});
  }
  if (service->descent != nullptr) return service->descent->Lower(rung);
  if (instance.guest() == nullptr) {
    if (again) return;
    // Its file is being read, which makes it useless for the next time; or its end is on its way.
    return Later([this, id] {
      Service* waiting = Find(id);
      if (waiting == nullptr) return;
      Drop(*waiting);
      End(*waiting, EndReport{});
    });
  }
  const Rung target = Reachable(*service, rung);
  if (target == Rung::kOff) return instance.guest()->process->Kill();
  Resting from{.rung = Rung::kPaused, .guest = instance.Release()};
  Descend(*service, std::move(from), Descent::State::kRunning, target);
}

// `rung`, or the next below that the instance can come to.
Rung MonitorLauncher::Body::Reachable(const Service& service, Rung rung) const {
  const Guest& guest = *service.instance->guest();
  const CheckedImage* image = service.order->Find(guest.kind);
  const bool same = image != nullptr && image->machine == guest.machine && !service.next_order;
  if (!same || !service.instance->ready()) return Rung::kOff;
  if (rung <= Rung::kPaused) return Rung::kPaused;
  if (guest.kind != Kind::kKvm || !guest.snapshots.valid()) return Rung::kOff;
  if (rung == Rung::kParked && pool_.availability(Kind::kKvm).ok()) return Rung::kParked;
  const bool can_save = rung <= Rung::kSaved && store_.usable(service.order->order.service);
  return can_save ? Rung::kSaved : Rung::kOff;
}

void MonitorLauncher::Body::Descend(Service& service, Resting from, Descent::State state,
                                    Rung target) {
  const Digest machine = from.guest.machine;
  Service* raw = &service;  // owns the descent
  service.descent = std::make_unique<Descent>(
      Descent::Surroundings{
          .loop = loop_,
          .pool = pool_,
          .store = store_,
          .saving = saving_,
          .console = service.console,
          .order = [raw, machine]() -> const PreparedOrder* {
            const CheckedImage* image = raw->order ? raw->order->Find(Kind::kKvm) : nullptr;
            const bool same = image != nullptr && image->machine == machine && !raw->next_order;
            return same ? &*raw->order : nullptr;
          },
          .tap = [raw] { return raw->tap_fd(); }},
      std::move(from), state, target,
      [this, id = service.id](Descent::Outcome outcome) { Descended(id, std::move(outcome)); });
}

void MonitorLauncher::Body::Descended(ServiceId id, Descent::Outcome outcome) {
  Service* service = Find(id);
  SUMMON_CHECK(service != nullptr);  // Forget takes the descent away
  service->descent.reset();
  if (!outcome.problem.empty()) {
    log_.Warning("a guest could not be brought to rest; it is off",
                 {{"service", service->order->order.service}, {"why", outcome.problem}});
  }
  Keep(*service, std::move(outcome.resting));
  if (service->instance == nullptr) {
    if (service->next_order) SleepAndWatch(*service);
    return events_.OnRest(id, service->resting.told());
  }
  if (service->instance->asked == Asked::kNo) return Begin(*service);
  End(*service, EndReport{.reason = EndReason::kReclaimed,
                          .frames_dropped = outcome.frames_dropped,
                          .console_bytes_lost = outcome.console_bytes_lost});
}

void MonitorLauncher::Body::Keep(Service& service, Resting resting) {
  service.resting = std::move(resting);
  if (!service.resting.has_guest()) return;
  MonitorProcess& process = *service.resting.guest.process;
  if (process.reaped()) return Drop(service);
  process.OnExit([this, id = service.id](const MonitorExit& exit) { Lost(id, exit); });
}

void MonitorLauncher::Body::Drop(Service& service) {
  Resting& resting = service.resting;
  if (resting.rung == Rung::kSaved && service.order) {
    const std::string& name = service.order->order.service;
    // Removing a file may wait for the disk.
    loop_.Offload([store = store_, name] { store.Remove(name); }, [] {});
  }
  Discard(std::move(resting.guest), pool_.attic());
  pool_.attic().Put(std::move(resting.snapshot));
  resting = Resting{};
}

void MonitorLauncher::Body::Lost(ServiceId id, const MonitorExit& exit) {
  Service* service = Find(id);
  SUMMON_CHECK(service != nullptr);  // Forget takes what rests away
  log_.Warning("what rested is lost: its monitor died",
               {{"service", service->order->order.service},
                {"rung", RungName(service->resting.rung)},
                {"why", DescribeExit(exit)}});
  Drop(*service);
  events_.OnRest(id, service->resting.told());
}

void MonitorLauncher::Body::Lower(ServiceId id, Rung rung) {
  Service* service = Find(id);
  if (service == nullptr || service->instance != nullptr) return;
  if (service->descent != nullptr) return service->descent->Lower(rung);
  Resting& resting = service->resting;
  if (resting.rung >= rung) return;
  const bool can_save = store_.usable(service->order->order.service);
  const bool can_write = resting.rung == Rung::kPaused
                             ? resting.guest.snapshots.valid()
                             : resting.rung == Rung::kParked && rung == Rung::kSaved;
  const bool possible = rung == Rung::kParked || (rung == Rung::kSaved && can_save);
  if (possible && can_write) {
    if (resting.has_guest()) resting.guest.process->Silence();
    Resting from = std::move(resting);
    resting = Resting{};
    return Descend(*service, std::move(from), Descent::State::kResting, rung);
  }
  Drop(*service);
  Later([this, id] {
    Service* lowered = Find(id);
    if (lowered != nullptr && lowered->instance == nullptr) {
      events_.OnRest(id, lowered->resting.told());
    }
  });
}

}  // namespace summon::launcher
