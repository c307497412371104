// SPDX-License-Identifier: Apache-2.0
// Instances: from Launch to Ended.
#include <algorithm>

#include "base/strings.h"
#include "launcher/monitor/body.h"

namespace summon::launcher {

namespace {

// Its tap is the guest's from here on.
void StopWatching(Service& service) {
  if (service.tap_watcher != nullptr) service.tap_watcher->Watch(FdWatcher::Interest::kNone);
}

}  // namespace

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
  pool_.Disturb();
  service->instance = std::make_unique<Instance>(
      id, loop_.Now(),
      InstanceCallbacks{
          .on_stage = [this, id](const StageReport& report) { Reached(id, report); },
          .on_exit = [this, id](const MonitorExit& exit) { Exited(id, exit); }});
  if (service->descent != nullptr) {
    std::optional<Resting> back = service->descent->TakeBack();
    if (!back) {  // its end begins
      StopWatching(*service);
      return;
    }
    service->descent.reset();
    service->resting = std::move(*back);
  }
  Begin(*service);
  // Afterwards: the guest is on its way, and nothing is read from the loop in between.
  StopWatching(*service);
}

void MonitorLauncher::Body::Begin(Service& service) {
  if (service.resting.rung != Rung::kOff) {
    const Rung rung = service.resting.rung;
    const Status woken = Wake(service);
    if (woken.ok()) return;
    log_.Warning("what rested cannot be woken; booting instead",
                 {{"service", service.order->order.service},
                  {"rung", RungName(rung)},
                  {"why", woken.error().message()}});
  }
  Boot(service);
}

void MonitorLauncher::Body::Boot(Service& service) {
  EndReport why;
  if (StartInstance(service, why).ok()) return;
  // The end is told from the loop, and only then does the service rest again.
  const InstanceId id = service.instance->id;
  Later([this, id, why] {
    Service* failed = Find(id);
    if (failed != nullptr) End(*failed, why);
  });
}

Status MonitorLauncher::Body::StartInstance(Service& service, EndReport& why) {
  why.reason = EndReason::kUnavailable;
  for (const CheckedImage& image : service.order->images) {
    const Status& available = pool_.availability(image.kind);
    std::string problem;
    if (available.ok()) {
      Result<Guest> guest =
          StartGuest(loop_, pool_,
                     GuestPlan{.prepared = *service.order,
                               .image = image,
                               .console = service.console,
                               .tap = service.tap_fd(),
                               .snapshots = std::move(service.spare_snapshots)});
      if (guest.ok()) {
        Running(service, std::move(guest).value(), Rung::kOff);
        return Ok();
      }
      problem = guest.error().message();
      // Still available: it is not the kind that is missing.
      if (pool_.availability(image.kind).ok()) why.reason = EndReason::kHostFault;
    } else {
      problem = available.error().message();
    }
    why.detail += StrCat(why.detail.empty() ? "" : "; ", KindName(image.kind), ": ", problem);
  }
  return Error(ErrorCode::kUnavailable, why.detail);
}

// The guest has its job, or was told to go on.
void MonitorLauncher::Body::Running(Service& service, Guest guest, Rung from) {
  service.watched = Watched{};
  service.instance->Run(std::move(guest), from);
  watchdog_.Wake();
  if (service.tap == nullptr) return;
  const Status awake = service.tap->Wake();
  if (!awake.ok()) log_.Error("cannot open tap", {{"why", awake.error().message()}});
  meter_timer_.Set(loop_.Now() + kTrafficPeriod);
}

void MonitorLauncher::Body::Reached(InstanceId id, const StageReport& report) {
  Service* service = Find(id);
  if (report.stage == Stage::kReady && service != nullptr) {
    measures_.Woke(report.kind, report.from, report.at - service->instance->launched());
  }
  events_.OnStage(id, report);
  if (report.stage != Stage::kReady) return;
  service = Find(id);
  if (service == nullptr) return;
  MakeSpare(*service);  // for the next launch
  if (service->tap == nullptr) return;
  (void)service->tap->CountRefused();  // a tap that is gone is told of when it is to sleep
}

void MonitorLauncher::Body::Exited(InstanceId id, const MonitorExit& exit) {
  Service* service = Find(id);
  SUMMON_CHECK(service != nullptr);  // who lets an instance go releases its guest
  Instance& instance = *service->instance;
  Guest guest = instance.Release();
  const Kind kind = guest.kind;
  Discard(std::move(guest), pool_.attic());
  const EndReport report = InterpretExit(kind, instance.asked, exit);
  const bool guests_doing =
      report.reason == EndReason::kHalted || report.reason == EndReason::kGuestFault;
  if (instance.from() != Rung::kOff && !instance.ready() && instance.asked == Asked::kNo &&
      !guests_doing) {
    log_.Warning("a guest could not go on; booting instead",
                 {{"service", service->order->order.service},
                  {"rung", RungName(instance.from())},
                  {"why", report.detail}});
    return Boot(*service);
  }
  // A waiting monitor that was killed a moment ago still takes messages.
  const bool was_dead = exit.signalled && !exit.took_job && !exit.end && exit.broken.empty() &&
                        exit.condemned.empty();
  if (was_dead && instance.asked == Asked::kNo && instance.BeginAgain()) {
    log_.Warning("a monitor died before it took its job; another one gets it",
                 {{"service", service->order->order.service}, {"why", report.detail}});
    return Boot(*service);
  }
  if (report.reason == EndReason::kHostFault) pool_.Suspect(kind);
  End(*service, report);
}

void MonitorLauncher::Body::End(Service& service, EndReport report) {
  const InstanceId id = service.instance->id;
  service.instance.reset();
  service.watched = Watched{};
  service.meter_once = service.tap != nullptr;
  SleepAndWatch(service);
  report.rest = service.resting.told();
  if (report.reason == EndReason::kReclaimed && report.rest.rung != Rung::kOff) {
    measures_.Rested(service.resting.guest.kind, report.rest);
  }
  events_.OnEnded(id, report);
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

bool MonitorLauncher::Body::LookAtMonitors() {
  auto next = looked_at_ ? services_.upper_bound(*looked_at_) : services_.begin();
  std::size_t looked = 0;
  std::size_t passed = 0;
  for (; next != services_.end() && looked < Watchdog::kPerTurn &&
         passed < Watchdog::kServicesPerTurn;
       ++next, ++passed) {
    Service& service = *next->second;
    looked_at_ = service.id;
    Guest* guest = service.instance == nullptr ? nullptr : service.instance->guest();
    if (guest == nullptr) continue;
    ++looked;
    if (guest->kind != Kind::kKvm) {
      LookAtShare(*guest->process, service.watched);
      continue;
    }
    const Verdict verdict = LookAt(*guest->process, service.watched);
    if (verdict == Verdict::kFine) continue;
    ++hung_;
    guest->process->Condemn(verdict == Verdict::kStopped ? "somebody stopped it"
                                                         : "it does not answer");
  }
  if (next != services_.end()) return true;
  looked_at_.reset();
  return false;
}

}  // namespace summon::launcher
