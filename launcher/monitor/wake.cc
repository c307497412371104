// SPDX-License-Identifier: Apache-2.0
// From what rests to an instance that goes on.
#include "base/strings.h"
#include "launcher/monitor/body.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

Status MonitorLauncher::Body::Wake(Service& service) {
  Status woken = Ok();
  switch (service.resting.rung) {
    case Rung::kPaused: woken = WakePaused(service); break;
    case Rung::kParked: woken = WakeParked(service); break;
    case Rung::kSaved: woken = WakeSaved(service); break;
    case Rung::kOff: break;
  }
  if (!woken.ok()) Drop(service);
  return woken;
}

Status MonitorLauncher::Body::WakePaused(Service& service) {
  Guest& guest = service.resting.guest;
  if (guest.process->reaped()) return Error(ErrorCode::kUnavailable, "its monitor is gone");
  guest.process->Continue();
  const InstanceId id = service.instance->id;
  if (guest.kind == Kind::kProcess) {
    // The guest is the process: it runs when the kernel lets it.
    Later([this, id] {
      Service* woken = Find(id);
      if (woken == nullptr || woken->instance->guest() == nullptr) return;
      woken->instance->Tell(Stage::kRunning, loop_.Now());
      woken->instance->Tell(Stage::kReady, loop_.Now());
    });
  } else {
    SUMMON_TRY(guest.process->Go());
    SUMMON_TRY(guest.process->Ping());
    // The monitor that answers has gone on. A ping of the watchdog that was on its way when the
    // guest was stopped is as good.
    guest.process->OnPong([this, id] {
      Service* woken = Find(id);
      if (woken == nullptr || woken->instance->ready()) return;
      woken->instance->Tell(Stage::kRunning, loop_.Now());
      woken->instance->Tell(Stage::kReady, loop_.Now());
    });
  }
  Running(service, std::move(guest), Rung::kPaused);
  service.resting = Resting{};
  return Ok();
}

Status MonitorLauncher::Body::WakeParked(Service& service) {
  SUMMON_TRY(service.resting.guest.process->Go());
  pool_.attic().Put(std::move(service.resting.snapshot));
  Running(service, std::move(service.resting.guest), Rung::kParked);
  service.resting = Resting{};
  return Ok();
}

Status MonitorLauncher::Body::WakeSaved(Service& service) {
  if (service.resting.snapshot.valid()) {
    return Restore(service, service.resting.snapshot.get());
  }
  const CheckedImage* image = service.order->Find(Kind::kKvm);
  if (image == nullptr) return Error(ErrorCode::kUnavailable, "its image is gone");
  // Shared by the two halves of one offloaded task.
  struct Work {
    SnapshotStore store;
    SnapshotStore::Subject subject;
    std::uint64_t bytes_max;
    Result<UniqueFd> snapshot = Error(ErrorCode::kIo, "not read");
  };
  const auto work = std::make_shared<Work>(
      Work{store_,
           {service.order->order.service, image->digest, image->machine},
           service.order->frame->memory_bytes + kMemoryFileExtraBytes});
  loop_.Offload(
      [work] { work->snapshot = work->store.Take(work->subject, work->bytes_max); },
      [this, work, id = service.instance->id, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.expired()) return;
        Loaded(id, std::move(work->snapshot));
        saving_.Run([work] { work->store.RemoveTaken(work->subject.service); }, [] {});
      });
  return Ok();
}

void MonitorLauncher::Body::Loaded(InstanceId id, Result<UniqueFd> snapshot) {
  Service* service = Find(id);
  if (service == nullptr || service->instance->guest() != nullptr ||
      service->instance->asked == Asked::kReclaim) {
    return;  // reclaimed or forgotten meanwhile
  }
  Status woken = snapshot.ok() ? Ok() : Status(snapshot.error());
  if (woken.ok()) {
    service->resting.snapshot = std::move(snapshot).value();
    woken = Restore(*service, service->resting.snapshot.get());
  }
  if (woken.ok()) return;
  Drop(*service);
  log_.Warning("what rested cannot be woken; booting instead",
               {{"service", service->order->order.service},
                {"rung", RungName(Rung::kSaved)},
                {"why", woken.error().message()}});
  Boot(*service);
}

Status MonitorLauncher::Body::Restore(Service& service, int snapshot) {
  SUMMON_TRY(Status(pool_.availability(Kind::kKvm)));
  const CheckedImage* image = service.order->Find(Kind::kKvm);
  if (image == nullptr || image->machine != service.resting.guest.machine) {
    return Error(ErrorCode::kUnavailable, "the service was changed since");
  }
  Guest guest = SUMMON_TRY(StartGuest(loop_, pool_,
                                      GuestPlan{.prepared = *service.order,
                                                .image = *image,
                                                .console = service.console,
                                                .tap = service.tap_fd(),
                                                .restore = snapshot,
                                                .snapshots = std::move(service.spare_snapshots)}));
  Running(service, std::move(guest), Rung::kSaved);
  pool_.attic().Put(std::move(service.resting.snapshot));
  service.resting = Resting{};
  return Ok();
}

}  // namespace summon::launcher
