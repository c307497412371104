// SPDX-License-Identifier: Apache-2.0
#pragma once
// The control socket: answers what `summon` asks. Who may connect is decided by the file's mode
// (0600: summond's own user, and root).

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/loop/loop.h"
#include "base/seqpacket.h"
#include "launcher/launcher.h"
#include "summoner/control/control.pb.h"
#include "summoner/daemon/conductor.h"
#include "summoner/daemon/registrar.h"

namespace summon::summoner {

class ControlServer final : public Observer {
 public:
  // Connections at a time; one more is closed at once.
  static constexpr std::size_t kConnectionsMax = 64;

  // Listens at `path` (kBusy when another process does). All outlive the server.
  static Result<std::unique_ptr<ControlServer>> Create(Loop& loop, Logger& log,
                                                       const std::string& path,
                                                       Conductor& conductor,
                                                       Registrar& registrar,
                                                       launcher::Launcher& launcher);
  ~ControlServer() override;  // removes the socket file
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // --- Observer: who waits for a rest is answered ---
  void OnPhase(ServiceId service, PhaseKind phase) override;
  void OnAnswered(ServiceId, Instant, Instant) override {}
  void OnStageReached(ServiceId, launcher::Stage) override {}
  void OnInstanceEnded(ServiceId, const launcher::EndReport&) override {}
  void OnTapTraffic(ServiceId, const launcher::Traffic&) override {}

 private:
  using ConnectionId = std::uint64_t;
  class SummonReply;
  struct Connection {
    UniqueFd socket;
    std::unique_ptr<FdWatcher> watcher;
  };
  struct RestWait {
    ConnectionId connection = 0;
    ServiceId service{};
    Instant deadline{};
  };

  ControlServer(Loop& loop, Logger& log, Conductor& conductor, Registrar& registrar,
                launcher::Launcher& launcher);

  void AcceptAll();
  void Receive(ConnectionId id);
  void Close(ConnectionId id);
  void Send(ConnectionId id, const control::Response& response);
  void SendStatus(ConnectionId id, ServiceId service, const std::string& code,
                  const std::string& error);
  void Handle(ConnectionId id, const control::Request& request);
  void HandleList(ConnectionId id, const control::Request::List& list);
  void HandleSummon(ConnectionId id, ServiceId service, const control::Request::Summon& summon);
  void HandleReclaim(ConnectionId id, ServiceId service, const control::Request::Reclaim& reclaim);
  void HandleLogs(ConnectionId id, ServiceId service);
  void ExpireRestWaits();
  void FillService(ServiceId service, control::Response& response) const;

  Loop& loop_;
  Logger& log_;
  Conductor& conductor_;
  Registrar& registrar_;
  launcher::Launcher& launcher_;
  std::string path_;
  UniqueFd listener_;
  std::unique_ptr<FdWatcher> listener_watcher_;
  std::map<ConnectionId, Connection> connections_;
  ConnectionId next_connection_ = 1;
  Timer accept_timer_;
  std::vector<RestWait> rest_waits_;
  Timer rest_timer_;
};

}  // namespace summon::summoner
