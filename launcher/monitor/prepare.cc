// SPDX-License-Identifier: Apache-2.0
// Orders and taps: how a service comes to stand, and how it rests.
#include "base/strings.h"
#include "launcher/monitor/body.h"
#include "launcher/monitor/job.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

namespace {

TapSpec SpecOf(const LaunchOrder& order) {
  return TapSpec{.name = order.tap_name,
                 .address = order.address,
                 .gateway = order.gateway,
                 .guest_mac = GuestMac(order),
                 .spoof_check = order.nets.front().spoof_check};
}

bool SameTap(const Service& service, const LaunchOrder& order) {
  if (order.nets.empty()) return service.tap == nullptr;
  return service.tap != nullptr && service.tap->spec() == SpecOf(order);
}

}  // namespace

void MonitorLauncher::Body::Prepare(ServiceId id, LaunchOrder order) {
  const Status sound = CheckOrder(order);
  if (!sound.ok()) return TellPrepared(id, sound);
  Service* service = Find(id);
  if (service == nullptr) {
    if (services_.size() >= kServicesMax) {
      return TellPrepared(id, Error(ErrorCode::kExhausted,
                                    StrCat("prepare ", order.service, ": there are ",
                                           kServicesMax, " services already")));
    }
    service = services_.emplace(id, std::make_unique<Service>(id)).first->second.get();
  }
  const bool waits = std::erase_if(arrivals_, [id](const Arrival& arrival) {
                       return arrival.id == id;
                     }) > 0;
  if (service->preparation != nullptr || waits) {
    TellPrepared(id, Error(ErrorCode::kUnavailable, StrCat("prepare ", order.service,
                                                           ": overtaken by a newer order")));
  }
  // A file from before is looked for once: later ones are known.
  const bool look = !service->order && order.snapshots && store_.usable(order.service);
  service->preparation = std::make_unique<Preparation>(
      loop_, checker_, std::move(order), look ? &store_ : nullptr,
      [this, id](Result<PreparedOrder> prepared) { Prepared(id, std::move(prepared)); });
}

void MonitorLauncher::Body::Prepared(ServiceId id, Result<PreparedOrder> prepared) {
  Service* service = Find(id);
  SUMMON_CHECK(service != nullptr);  // Forget cancels the preparation
  service->preparation.reset();
  if (!prepared.ok()) {
    if (!service->order) services_.erase(id);
    events_.OnPrepared(id, prepared.error());
    return;
  }
  for (const std::string& complaint : prepared->complaints) {
    log_.Warning("not all that was prepared can be used",
                 {{"service", prepared->order.service}, {"why", complaint}});
  }
  if (!prepared->order.nets.empty() && DepartingHolds(SpecOf(prepared->order))) {
    arrivals_.push_back(Arrival{id, std::move(prepared).value()});
    return;
  }
  Establish(*service, std::move(prepared).value());
}

bool MonitorLauncher::Body::DepartingHolds(const TapSpec& spec) const {
  for (const std::unique_ptr<Service>& service : departing_) {
    if (service->tap == nullptr) continue;
    const TapSpec& held = service->tap->spec();
    if (held.name == spec.name || held.address == spec.address) return true;
  }
  return false;
}

void MonitorLauncher::Body::Establish(Service& service, PreparedOrder prepared) {
  const ServiceId id = service.id;
  const bool same_tap = SameTap(service, prepared.order);
  if (!same_tap && (service.instance != nullptr || service.descent != nullptr)) {
    // The running instance keeps its tap; the change comes with its end.
    for (const CheckedImage& image : prepared.images) pool_.Want(image.kind);
    service.next_order = std::move(prepared);
    events_.OnPrepared(id, Ok());
    return;
  }
  const Rest before = service.resting.told();
  if (!same_tap) {
    DropBeforeTap(service);
    const Status replaced = ReplaceTap(service, prepared);
    if (!replaced.ok()) {
      if (!service.order) services_.erase(id);
      events_.OnPrepared(id, replaced);
      return;
    }
  }
  for (const CheckedImage& image : prepared.images) pool_.Want(image.kind);
  Adopt(service, std::move(prepared));
  service.next_order.reset();
  events_.OnPrepared(id, Ok());
  // The callback may have forgotten or launched the service.
  Service* still = Find(id);
  if (still == nullptr || still->instance != nullptr || !still->order) return;
  SleepAndWatch(*still);
  const Rest now = still->resting.told();
  if (now.rung != Rung::kOff || now != before) events_.OnRest(id, now);
}

// What rests is kept when it is what the new order would make.
void MonitorLauncher::Body::Adopt(Service& service, PreparedOrder prepared) {
  const CheckedImage* image = prepared.Find(service.resting.guest.kind);
  const bool same = image != nullptr && image->machine == service.resting.guest.machine;
  if (service.resting.rung != Rung::kOff && !same) Drop(service);
  service.order = std::move(prepared);
  PreparedOrder& order = *service.order;
  for (const CheckedImage& one : order.images) {
    log_.Debug("image", {{"service", order.order.service},
                         {"kind", KindName(one.kind)},
                         {"digest", one.digest.ToString()}});
  }
  const CheckedImage* kvm = order.Find(Kind::kKvm);
  if (order.saved_bytes > 0 && kvm != nullptr && service.resting.rung == Rung::kOff &&
      service.instance == nullptr && service.descent == nullptr) {
    // From the launcher before us.
    service.resting.rung = Rung::kSaved;
    service.resting.guest.machine = kvm->machine;
    service.resting.disk_bytes = order.saved_bytes;
  }
  MakeSpare(service);
}

void MonitorLauncher::Body::MakeSpare(Service& service) {
  const bool wanted = service.order && service.order->order.snapshots &&
                      service.order->Find(Kind::kKvm) != nullptr;
  if (!wanted || service.spare_snapshots.valid()) return;
  Result<UniqueFd> file = NewMemoryFile("summon-snapshot");
  if (file.ok()) service.spare_snapshots = std::move(file).value();  // else the launch tries again
}

// What rests holds the tap, and would answer to its name and address: it is gone for good before
// another one is made. Waits for a process to end, which only a changed order is worth.
void MonitorLauncher::Body::DropBeforeTap(Service& service) {
  const std::unique_ptr<MonitorProcess> last = std::move(service.resting.guest.process);
  Drop(service);
}

Status MonitorLauncher::Body::ReplaceTap(Service& service, const PreparedOrder& prepared) {
  // The old one goes first: the new one may have the same name or address.
  service.tap_watcher.reset();
  const bool had_tap = service.tap != nullptr;
  service.tap.reset();
  service.tap_problem.clear();
  service.traffic = Traffic{};
  if (prepared.order.nets.empty()) return Ok();
  Result<std::unique_ptr<Tap>> made = Tap::Create(SpecOf(prepared.order));
  if (made.ok()) {
    service.tap = std::move(made).value();
    if (const Status& checked = service.tap->send_filter(); !checked.ok()) {
      log_.Warning("the kernel does not check what this service's process guests send",
                   {{"service", prepared.order.service}, {"why", checked.error().message()}});
    }
    return Ok();
  }
  if (had_tap) RenewTap(service);  // the former order stands
  return made.error();
}

void MonitorLauncher::Body::RenewTap(Service& service) {
  service.tap_watcher.reset();
  service.tap.reset();
  service.traffic = Traffic{};
  Result<std::unique_ptr<Tap>> made = Tap::Create(SpecOf(service.order->order));
  if (made.ok()) {
    service.tap = std::move(made).value();
    service.tap_problem.clear();
    return;
  }
  service.tap_problem = made.error().message();
  log_.Warning("cannot make the tap again",
               {{"service", service.order->order.service}, {"why", service.tap_problem}});
}

// After the end of an instance, or of a Prepare.
void MonitorLauncher::Body::SleepAndWatch(Service& service) {
  service.packet_told = false;
  if (service.next_order && service.descent == nullptr) {
    PreparedOrder next = std::move(*service.next_order);
    service.next_order.reset();
    DropBeforeTap(service);
    const Status replaced = ReplaceTap(service, next);
    if (replaced.ok()) {
      Adopt(service, std::move(next));
    } else {
      log_.Error("a changed order cannot be carried out; the former one stands",
                 {{"service", next.order.service}, {"why", replaced.error().message()}});
    }
  }
  if (service.tap == nullptr) return;
  const Status asleep = service.tap->Sleep();
  if (!asleep.ok()) {
    log_.Warning("tap is gone; making it again", {{"why", asleep.error().message()}});
    RenewTap(service);
  }
  if (service.tap == nullptr) return;
  const Status swept = service.tap->Sweep(host_side_);
  if (!swept.ok()) {
    log_.Warning("cannot sweep tap: what the last instance left unread may wake the service",
                 {{"service", service.order->order.service}, {"why", swept.error().message()}});
  }
  WatchTap(service);
}

void MonitorLauncher::Body::WatchTap(Service& service) {
  if (service.tap_watcher == nullptr) {
    Result<std::unique_ptr<FdWatcher>> watcher = FdWatcher::Create(
        loop_, service.tap->fd(),
        [this, id = service.id](FdWatcher::Ready ready) { TapReady(id, ready); });
    if (!watcher.ok()) {
      log_.Error("cannot watch tap: packets will not wake the service",
                 {{"service", service.order->order.service}, {"why", watcher.error().message()}});
      return;
    }
    service.tap_watcher = std::move(watcher).value();
  }
  service.tap_watcher->Watch(FdWatcher::Interest::kRead);
}

void MonitorLauncher::Body::TapReady(ServiceId id, FdWatcher::Ready ready) {
  Service* service = Find(id);
  if (service == nullptr || service->instance != nullptr || service->tap_watcher == nullptr) {
    return;
  }
  service->tap_watcher->Watch(FdWatcher::Interest::kNone);
  if (ready.disconnected) {
    log_.Warning("somebody removed a tap; making it again",
                 {{"service", service->order->order.service}});
    RenewTap(*service);
    if (service->tap != nullptr) WatchTap(*service);
    return;
  }
  if (!ready.readable || service->packet_told) return;
  service->packet_told = true;
  events_.OnPacket(id, loop_.Now());
}

}  // namespace summon::launcher
