// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside of RpcLauncher: what it asked and what it was told. Only for its own source files:
// rpc_launcher.cc asks, rpc_launcher_frames.cc takes what comes.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launcher/rpc/channel.h"
#include "launcher/rpc/launcher.pb.h"
#include "launcher/rpc/rpc_launcher.h"

namespace summon::launcher {

class RpcLauncher::Body final {
 public:
  Body(Loop& loop, Logger& log, Events& events, RpcLauncherOptions options);

  void UseConnection(UniqueFd connection);
  void DonePreparing();
  void Prepare(ServiceId id, LaunchOrder order);
  void Forget(ServiceId id);
  void Launch(InstanceId instance);
  void Reclaim(InstanceId instance, Rung rung);
  void Lower(ServiceId id, Rung rung);
  void ReadConsole(ServiceId id, std::function<void(std::string)> done);
  bool connected() const { return connected_; }

 private:
  static constexpr std::size_t kQuestionsMax = 256;

  // An instance that has not ended, as far as we know.
  struct Outstanding {
    bool ready_told = false;
    Rung from = Rung::kOff;  // as its stages said
    std::optional<Rung> reclaim;  // asked for; asked again after a reconnection
  };
  struct Bound {
    std::string name;
    int unanswered = 0;  // Prepares
    std::map<std::uint64_t, Outstanding> instances;
    Rest rest_told;
  };
  // An instance from the inventory whose service nobody has stated yet, and what was told of it.
  struct Adoptable {
    InventoryEntry entry;
    std::vector<StageReport> stages;
    std::optional<EndReport> end;
  };

  void Later(std::function<void()> what);
  void TellEnded(InstanceId instance, EndReason reason, std::string detail);
  void Connect();
  void StartSpeaking(UniqueFd connection);
  void Lost(const Error& why);
  void Take(const Packet& packet);
  void TakeInventory(const rpc::Inventory& frame);
  void Reconcile(const std::vector<InventoryEntry>& inventory);
  void TakePrepared(const rpc::Prepared& frame);
  void TakeStage(const rpc::StageReached& frame);
  void TakeEnded(const rpc::Ended& frame);
  void TakeService(const rpc::ServerFrame& frame);
  void TakeRest(const rpc::RestChanged& frame);
  void TakeConsole(const rpc::Console& frame);
  void Adopt(ServiceId id, Bound& bound);
  void TellStage(InstanceId instance, Outstanding& outstanding, const StageReport& report);
  void Send(const rpc::ClientFrame& frame, std::vector<UniqueFd> fds = {});
  void TellRest(ServiceId id);
  void SendReclaim(const std::string& name, std::uint64_t generation, Rung rung);
  std::optional<ServiceId> IdOf(const std::string& name) const;
  Status NotConnected() const;

  Loop& loop_;
  Logger& log_;
  Events& events_;
  const RpcLauncherOptions options_;
  std::unique_ptr<Channel> channel_;
  bool connected_ = false;        // welcomed and inventory complete
  bool told_disconnected_ = false;
  std::string why_not_ = "not connected yet";
  Duration backoff_ = kBackoffFirst;
  Timer connect_timer_;
  std::vector<InventoryEntry> inventory_;  // while it arrives
  std::map<ServiceId, Bound> services_;
  std::map<std::string, ServiceId> ids_;
  std::map<std::string, Adoptable> adoptable_;
  // By service name, what the other side says rests; what is not in it rests at off. Outlives the
  // connection until the next inventory.
  std::map<std::string, Rest> rests_;
  std::map<std::string, Rest> rests_coming_;  // while the inventory arrives
  std::map<std::uint64_t, std::function<void(std::string)>> questions_;
  std::uint64_t next_question_ = 1;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for tasks of the loop
};

}  // namespace summon::launcher
