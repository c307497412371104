// SPDX-License-Identifier: Apache-2.0
#pragma once
// The launcher of kinds kvm and process: one monitor process for each instance.
//
// Everything runs on one loop thread. Monitors are exec'd ahead of time and wait in a small pool;
// a launch is one message with descriptors. The service's tap stands before its VM and outlives
// it, so a packet that comes while nothing runs waits in the tap's queue and wakes the service.
// Nothing that a monitor sends is trusted: a monitor runs a hostile guest.

#include <memory>
#include <string>

#include "base/log.h"
#include "base/loop/loop.h"
#include "base/result.h"
#include "launcher/launcher.h"
#include "launcher/monitor/pool.h"

namespace summon::launcher {

struct MonitorLauncherOptions {
  // The directory of summon-monitor and summon-spt; empty: that of our own executable.
  std::string monitor_dir;
  std::string kvm_path = "/dev/kvm";
  // Waiting monitors to keep for each kind, at most kPoolMax. 0: every launch starts its own.
  std::size_t pool = 2;
  // Where snapshots are saved (Rung::kSaved); empty: nowhere, and services rest at kOff instead.
  std::string state_dir;
  // Passed to summon-monitor as --guest-mode= when not empty.
  std::string guest_mode;
};

class MonitorLauncher final : public Launcher {
 public:
  static constexpr std::size_t kPoolMax = 64;
  static constexpr std::size_t kServicesMax = 65'536;
  static constexpr std::uint64_t kImageBytesMax = 512ull << 20;

  // `loop`, `log` and `events` outlive the launcher. Spawns nothing yet and does not fail because
  // a device or a binary is missing: that is told by OnAvailability.
  // Errors: kInvalid (an option out of range), kNotFound (no monitor directory).
  static Result<std::unique_ptr<MonitorLauncher>> Create(Loop& loop, Logger& log, Events& events,
                                                         MonitorLauncherOptions options);
  // Ends and reaps every monitor and removes every tap; tells no more events.
  ~MonitorLauncher() override;

  MonitorLauncher(const MonitorLauncher&) = delete;
  MonitorLauncher& operator=(const MonitorLauncher&) = delete;

  void Prepare(ServiceId service, LaunchOrder order) override;
  void Forget(ServiceId service) override;
  void Launch(InstanceId instance) override;
  void Reclaim(InstanceId instance, Rung rung) override;
  void Lower(ServiceId service, Rung rung) override;
  void ReadConsole(ServiceId service, std::function<void(std::string)> done) override;

  // From now on Forget leaves the service's saved snapshot where it is: for the next launcher.
  void KeepSaved();

  // For status and tests.
  MonitorPool::Counters pool(Kind kind) const;
  // Monitors that were ended because they did not answer, or somebody had stopped them.
  std::uint64_t hung() const;
  // Processes of ours that are alive: waiting, checking and running monitors. For
  // tests.
  std::size_t processes() const;

 private:
  class Body;
  explicit MonitorLauncher(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace summon::launcher
