// SPDX-License-Identifier: Apache-2.0
#pragma once
// Any launcher, served to another process over a Unix socket. In summon-launcherd.
//
// One client at a time: a newer one replaces the older, whose connection is closed (an old
// summond that hangs must not lock out its successor). Instances live on while nobody is
// connected; the next client is told of them before anything else. Services are known by name on
// the wire, so a client that restarted gets its services back by stating the same names.

#include <functional>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/launcher.h"

namespace summon::launcher {

struct RpcServerOptions {
  std::vector<unsigned> allowed_uids{};  // who may connect (SO_PEERCRED); nobody else
  // Services that a client does not state again are forgotten this long after it said that it
  // has stated all.
  Duration unclaimed_after = std::chrono::seconds(30);
};

class RpcServer final {
 public:
  // Frames that may wait for a client that does not read; beyond, its connection is closed.
  static constexpr std::size_t kQueuedFramesMax = 16'384;
  static constexpr std::size_t kServicesMax = 65'536;

  // `loop` and `log` outlive the server.
  RpcServer(Loop& loop, Logger& log, RpcServerOptions options);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Give this to the launcher that is to be served: it tells its events here.
  Events& events();
  // The launcher to serve; once, before the two below. It may be destroyed before the server if
  // the loop does not run any more.
  void Serve(Launcher& launcher);
  // Serves whoever connects to `listener`, a listening SEQPACKET socket.
  Status Listen(UniqueFd listener);
  // Serves a connection that is already there, as if it had been accepted.
  void Accept(UniqueFd connection);

  // Takes back every service; `done` runs when the last instance has ended. For an orderly end.
  void ForgetAll(std::function<void()> done);

  // A client is there and has said hello.
  bool connected() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace summon::launcher
