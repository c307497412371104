// SPDX-License-Identifier: Apache-2.0
#pragma once
// The launcher of another process (summon-launcherd), reached over a Unix socket. In summond.
//
// How to use it: build it, wait for on_connected, adopt what its inventory lists, Prepare every
// service (again after each on_connected: the other side may be a new process), then
// DonePreparing. An order's service name decides which running instance it binds to.
//
// While not connected, Prepare answers kUnavailable and launches end with kUnavailable.
// An instance that was running when the connection was lost may live on. After the reconnection
// it is either in the inventory and goes on silently, or it is told as ended with kLost.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/launcher.h"

namespace summon::launcher {

struct RpcLauncherOptions {
  std::string socket_path;
  // Told with what already runs, before any other event of this connection. To adopt an entry,
  // Prepare a service of that name: events of the instance then carry
  // {that ServiceId, entry.generation}.
  std::function<void(std::vector<InventoryEntry>)> on_connected;
  // The connection was lost or, once after the first failed attempt, could not be made; `why`
  // says how to mend it. Attempts go on by themselves.
  std::function<void(const Status& why)> on_disconnected;
};

class RpcLauncher final : public Launcher {
 public:
  // Between attempts to connect: the first wait, doubled up to the last.
  static constexpr Duration kBackoffFirst = std::chrono::milliseconds(100);
  static constexpr Duration kBackoffLast = std::chrono::seconds(2);
  // Frames that may wait for a slow peer; beyond, the connection is given up and made anew.
  static constexpr std::size_t kQueuedFramesMax = 16'384;

  // Connects soon after, from the loop. `loop`, `log` and `events` outlive the launcher.
  RpcLauncher(Loop& loop, Logger& log, Events& events, RpcLauncherOptions options);
  ~RpcLauncher() override;
  RpcLauncher(const RpcLauncher&) = delete;
  RpcLauncher& operator=(const RpcLauncher&) = delete;

  // Speaks over this connection instead of making one (tests). After its loss the options'
  // socket path is tried, when there is one.
  void UseConnection(UniqueFd connection);

  // Says that every service has been stated: what the other side runs for services that were not
  // stated is reclaimed after a while.
  void DonePreparing();

  void Prepare(ServiceId service, LaunchOrder order) override;
  void Forget(ServiceId service) override;
  void Launch(InstanceId instance) override;
  void Reclaim(InstanceId instance, Rung rung) override;
  void Lower(ServiceId service, Rung rung) override;
  void ReadConsole(ServiceId service, std::function<void(std::string)> done) override;

  // Between on_connected and on_disconnected.
  bool connected() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace summon::launcher
