// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the monitor launcher keeps of one service.

#include <memory>
#include <optional>
#include <string>

#include "launcher/monitor/console.h"
#include "launcher/monitor/descent.h"
#include "launcher/monitor/instance.h"
#include "launcher/monitor/preparation.h"
#include "launcher/monitor/resting.h"
#include "launcher/monitor/watchdog.h"
#include "launcher/tap/tap.h"

namespace summon::launcher {

// Members are declared so that what uses another one is destroyed before it.
struct Service {
  explicit Service(ServiceId service_id) : id(service_id), console(Launcher::kConsoleBytesMax) {}

  const ServiceId id;
  ConsoleRing console;

  // The order that stands, and one that waits for the running instance to go because it changes
  // the tap.
  std::optional<PreparedOrder> order;
  std::optional<PreparedOrder> next_order;

  // The tap of `order`, when that has a net device; none when it could not be made again after
  // somebody removed the interface.
  std::unique_ptr<Tap> tap;
  std::string tap_problem;
  std::unique_ptr<FdWatcher> tap_watcher;
  bool packet_told = false;
  Traffic traffic;         // as last told
  bool meter_once = false;  // the instance ended: tell the counters one more time

  // Where the next snapshot goes: made ahead of the launch that needs it.
  UniqueFd spare_snapshots;

  // What rests, when there is no instance, or the instance waits for it (`descent`, or the file
  // that is being read).
  Resting resting;
  std::unique_ptr<Instance> instance;
  Watched watched;  // of the instance's monitor
  // Brings the guest of the instance that is being reclaimed, or what rests, further down.
  std::unique_ptr<Descent> descent;
  std::unique_ptr<Preparation> preparation;
  // Of a service that was forgotten: its last process.
  std::unique_ptr<MonitorProcess> last;

  int tap_fd() const { return tap == nullptr ? -1 : tap->fd(); }
};

}  // namespace summon::launcher
