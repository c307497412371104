// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the monitor launcher keeps of one service.

#include <memory>
#include <optional>
#include <string>

#include "launcher/monitor/console.h"
#include "launcher/monitor/instance.h"
#include "launcher/monitor/preparation.h"
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

  std::unique_ptr<Instance> instance;
  std::unique_ptr<Preparation> preparation;
};

}  // namespace summon::launcher
