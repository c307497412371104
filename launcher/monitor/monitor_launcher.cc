// SPDX-License-Identifier: Apache-2.0
// The port's calls, as far as they are not about preparing (prepare.cc) or running (launch.cc).
#include "launcher/monitor/monitor_launcher.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/program_directory.h"
#include "base/strings.h"
#include "launcher/monitor/body.h"

namespace summon::launcher {

Result<std::unique_ptr<MonitorLauncher>> MonitorLauncher::Create(Loop& loop, Logger& log,
                                                                 Events& events,
                                                                 MonitorLauncherOptions options) {
  if (options.pool > kPoolMax) {
    return Error(ErrorCode::kInvalid,
                 StrCat("monitor pool is ", options.pool, "; must be 0..", kPoolMax));
  }
  if (options.monitor_dir.empty()) options.monitor_dir = SUMMON_TRY(OwnProgramDirectory());
  struct stat status {};
  if (stat(options.monitor_dir.c_str(), &status) != 0) {
    return ErrnoError(StrCat("find monitor directory ", options.monitor_dir), errno);
  }
  return std::unique_ptr<MonitorLauncher>(
      new MonitorLauncher(std::make_unique<Body>(loop, log, events, std::move(options))));
}

MonitorLauncher::MonitorLauncher(std::unique_ptr<Body> body) : body_(std::move(body)) {}
MonitorLauncher::~MonitorLauncher() = default;

void MonitorLauncher::Prepare(ServiceId service, LaunchOrder order) {
  body_->Prepare(service, std::move(order));
}
void MonitorLauncher::Forget(ServiceId service) { body_->Forget(service); }
void MonitorLauncher::Launch(InstanceId instance) { body_->Launch(instance); }
void MonitorLauncher::Reclaim(InstanceId instance, Rung rung) { body_->Reclaim(instance, rung); }
void MonitorLauncher::Lower(ServiceId service, Rung rung) { body_->Lower(service, rung); }
void MonitorLauncher::KeepSaved() { body_->KeepSaved(); }
void MonitorLauncher::ReadConsole(ServiceId service, std::function<void(std::string)> done) {
  body_->ReadConsole(service, std::move(done));
}
std::size_t MonitorLauncher::processes() const { return body_->processes(); }
std::uint64_t MonitorLauncher::hung() const { return body_->hung(); }
MonitorPool::Counters MonitorLauncher::pool(Kind kind) const { return body_->pool(kind); }

MonitorLauncher::Body::Body(Loop& loop, Logger& log, Events& events,
                            MonitorLauncherOptions options)
    : loop_(loop),
      log_(log),
      events_(events),
      store_(options.state_dir, ReadHostIdentity()),
      saving_(loop),
      pool_(loop, log,
            PoolOptions{.monitor_dir = options.monitor_dir,
                        .kvm_path = options.kvm_path,
                        .size = options.pool,
                        .size_max = kPoolMax,
                        .guest_mode = options.guest_mode},
            [this, alive = std::weak_ptr<bool>(alive_)](Kind kind, const Status& status) {
              if (!alive.expired()) events_.OnAvailability(kind, status);
            }),
      checker_(loop, pool_),
      measures_(loop, [this](const RungMeasure& measure) { events_.OnRungMeasured(measure); }),
      meter_timer_(loop, [this] { Meter(); }),
      watchdog_(loop, {.look = [this] { return LookAtMonitors(); },
                       .busy = [this] { return AnyInstance(); }}) {
  store_.RemoveLeftovers();
  (void)host_side_.Open();  // now there is time; what is in its way is said when it is needed
}

bool MonitorLauncher::Body::AnyInstance() const {
  return std::any_of(services_.begin(), services_.end(),
                     [](const auto& one) { return one.second->instance != nullptr; });
}

Service* MonitorLauncher::Body::Find(InstanceId id) {
  Service* service = Find(id.service);
  const bool its = service != nullptr && service->instance != nullptr &&
                   service->instance->id == id;
  return its ? service : nullptr;
}

Service* MonitorLauncher::Body::Find(ServiceId id) {
  const auto found = services_.find(id);
  return found == services_.end() ? nullptr : found->second.get();
}

void MonitorLauncher::Body::Later(std::function<void()> what) {
  loop_.Post([alive = std::weak_ptr<bool>(alive_), what = std::move(what)] {
    if (!alive.expired()) what();
  });
}

void MonitorLauncher::Body::TellPrepared(ServiceId id, Status status) {
  Later([this, id, status = std::move(status)] { events_.OnPrepared(id, status); });
}

void MonitorLauncher::Body::TellEnded(InstanceId instance, EndReason reason, std::string detail) {
  Later([this, instance, report = EndReport{.reason = reason, .detail = std::move(detail)}] {
    events_.OnEnded(instance, report);
  });
}

void MonitorLauncher::Body::ReadConsole(ServiceId id, std::function<void(std::string)> done) {
  const Service* service = Find(id);
  Later([done = std::move(done),
         text = service == nullptr ? std::string() : service->console.Contents()] { done(text); });
}

}  // namespace summon::launcher
