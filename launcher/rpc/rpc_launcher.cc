// SPDX-License-Identifier: Apache-2.0
// The using side: keeps what was asked, so that nothing is left without an answer when the
// connection goes.
#include "launcher/rpc/rpc_launcher.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/strings.h"
#include "launcher/rpc/channel.h"
#include "launcher/rpc/convert.h"

namespace summon::launcher {

namespace {

constexpr std::size_t kQuestionsMax = 256;

}  // namespace

class RpcLauncher::Body final {
 public:
  Body(Loop& loop, Logger& log, Events& events, RpcLauncherOptions options);

  void UseConnection(UniqueFd connection);
  void DonePreparing();
  void Prepare(ServiceId id, LaunchOrder order);
  void Forget(ServiceId id);
  void Launch(InstanceId instance);
  void Reclaim(InstanceId instance);
  void ReadConsole(ServiceId id, std::function<void(std::string)> done);
  bool connected() const { return connected_; }

 private:
  // An instance that has not ended, as far as we know.
  struct Outstanding {
    bool ready_told = false;
    bool reclaim = false;  // asked for; asked again after a reconnection
  };
  struct Bound {
    std::string name;
    int unanswered = 0;  // Prepares
    std::map<std::uint64_t, Outstanding> instances;
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
  void TakeConsole(const rpc::Console& frame);
  void Adopt(ServiceId id, Bound& bound);
  void TellStage(InstanceId instance, Outstanding& outstanding, const StageReport& report);
  void Send(const rpc::ClientFrame& frame, std::vector<UniqueFd> fds = {});
  void SendReclaim(const std::string& name, std::uint64_t generation);
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
  std::map<std::uint64_t, std::function<void(std::string)>> questions_;
  std::uint64_t next_question_ = 1;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for tasks of the loop
};

RpcLauncher::RpcLauncher(Loop& loop, Logger& log, Events& events, RpcLauncherOptions options)
    : body_(std::make_unique<Body>(loop, log, events, std::move(options))) {}
RpcLauncher::~RpcLauncher() = default;
void RpcLauncher::UseConnection(UniqueFd connection) {
  body_->UseConnection(std::move(connection));
}
void RpcLauncher::DonePreparing() { body_->DonePreparing(); }
void RpcLauncher::Prepare(ServiceId service, LaunchOrder order) {
  body_->Prepare(service, std::move(order));
}
void RpcLauncher::Forget(ServiceId service) { body_->Forget(service); }
void RpcLauncher::Launch(InstanceId instance) { body_->Launch(instance); }
// Everything rests at kOff as long as rungs are not part of the protocol.
void RpcLauncher::Reclaim(InstanceId instance, Rung) { body_->Reclaim(instance); }
void RpcLauncher::Lower(ServiceId, Rung) {}
void RpcLauncher::ReadConsole(ServiceId service, std::function<void(std::string)> done) {
  body_->ReadConsole(service, std::move(done));
}
bool RpcLauncher::connected() const { return body_->connected(); }

RpcLauncher::Body::Body(Loop& loop, Logger& log, Events& events, RpcLauncherOptions options)
    : loop_(loop), log_(log), events_(events), options_(std::move(options)),
      connect_timer_(loop, [this] { Connect(); }) {
  if (!options_.socket_path.empty()) connect_timer_.Set(loop_.Now());
}

void RpcLauncher::Body::Later(std::function<void()> what) {
  loop_.Post([alive = std::weak_ptr<bool>(alive_), what = std::move(what)] {
    if (!alive.expired()) what();
  });
}

void RpcLauncher::Body::TellEnded(InstanceId instance, EndReason reason, std::string detail) {
  Later([this, instance, report = EndReport{.reason = reason, .detail = std::move(detail)}] {
    events_.OnEnded(instance, report);
  });
}

Status RpcLauncher::Body::NotConnected() const {
  return Error(ErrorCode::kUnavailable, StrCat("summon-launcherd: ", why_not_));
}

void RpcLauncher::Body::Connect() {
  Result<UniqueFd> connection = ConnectSeqpacket(options_.socket_path);
  if (connection.ok()) return StartSpeaking(std::move(connection).value());
  Error why = connection.error();
  if (why.code() == ErrorCode::kPermission) {
    why = Error(why.code(), StrCat(why.message(), " (run as a user that summon-launcherd allows: "
                                   "--allow-uid)"));
  } else {
    why = Error(why.code(), StrCat(why.message(), " (is summon-launcherd running?)"));
  }
  Lost(why);
}

void RpcLauncher::Body::UseConnection(UniqueFd connection) {
  connect_timer_.Clear();
  StartSpeaking(std::move(connection));
}

void RpcLauncher::Body::StartSpeaking(UniqueFd connection) {
  Result<std::unique_ptr<Channel>> channel = Channel::Create(
      loop_, std::move(connection), kQueuedFramesMax,
      Channel::Callbacks{.on_frame = [this](Packet packet) { Take(packet); },
                         .on_lost = [this](const Error& why) { Lost(why); }});
  if (!channel.ok()) return Lost(channel.error());
  channel_ = std::move(channel).value();
  inventory_.clear();
  rpc::ClientFrame hello;
  hello.mutable_hello()->set_version(kRpcVersion);
  channel_->Send(hello.SerializeAsString());
}

void RpcLauncher::Body::Lost(const Error& why) {
  channel_.reset();
  adoptable_.clear();
  why_not_ = why.message();
  const bool tell = connected_ || !told_disconnected_;
  connected_ = false;
  told_disconnected_ = true;
  if (!options_.socket_path.empty()) {
    connect_timer_.Set(loop_.Now() + backoff_);
    backoff_ = std::min(backoff_ * 2, kBackoffLast);
  }
  log_.Debug("launcher connection lost", {{"why", why_not_}});
  const auto questions = std::move(questions_);
  questions_.clear();
  for (const auto& [number, done] : questions) Later([done = done] { done({}); });
  for (auto& [id, bound] : services_) {
    for (; bound.unanswered > 0; --bound.unanswered) {
      Later([this, id = id, status = NotConnected()] { events_.OnPrepared(id, status); });
    }
  }
  if (tell && options_.on_disconnected) options_.on_disconnected(why);
}

void RpcLauncher::Body::Send(const rpc::ClientFrame& frame, std::vector<UniqueFd> fds) {
  channel_->Send(frame.SerializeAsString(), std::move(fds));
}

void RpcLauncher::Body::Prepare(ServiceId id, LaunchOrder order) {
  Bound& bound = services_[id];
  if (bound.name != order.service) {
    ids_.erase(bound.name);
    bound.name = order.service;
    ids_[bound.name] = id;
  }
  if (!connected_) {
    return Later([this, id, status = NotConnected()] { events_.OnPrepared(id, status); });
  }
  ++bound.unanswered;
  rpc::ClientFrame frame;
  std::vector<UniqueFd> fds;
  *frame.mutable_prepare() = ToFrame(std::move(order), fds);
  if (fds.size() > kPacketFdsMax) {
    --bound.unanswered;
    return Later([this, id, count = fds.size()] {
      events_.OnPrepared(id, Error(ErrorCode::kInvalid, StrCat("an order with ", count,
                                                               " files; at most ",
                                                               kPacketFdsMax)));
    });
  }
  Send(frame, std::move(fds));
  Adopt(id, bound);
}

// From here on the instance that was found running is one of ours; what was told of it before
// its service was stated is told now.
void RpcLauncher::Body::Adopt(ServiceId id, Bound& bound) {
  auto found = adoptable_.extract(bound.name);
  if (found.empty()) return;
  Adoptable& adoptable = found.mapped();
  const std::uint64_t generation = adoptable.entry.generation;
  const auto [outstanding, fresh] =
      bound.instances.try_emplace(generation);
  // One that we knew already is told by Reconcile.
  if (fresh) outstanding->second.ready_told = adoptable.entry.ready;
  for (const StageReport& stage : adoptable.stages) {
    Later([this, instance = InstanceId{id, generation}, stage] {
      const auto service = services_.find(instance.service);
      if (service == services_.end()) return;
      const auto one = service->second.instances.find(instance.generation);
      if (one != service->second.instances.end()) TellStage(instance, one->second, stage);
    });
  }
  if (!adoptable.end) return;
  Later([this, instance = InstanceId{id, generation}, end = *adoptable.end] {
    const auto service = services_.find(instance.service);
    if (service == services_.end()) return;
    if (service->second.instances.erase(instance.generation) > 0) events_.OnEnded(instance, end);
  });
}

void RpcLauncher::Body::Forget(ServiceId id) {
  const auto found = services_.find(id);
  if (found == services_.end()) return;
  Bound& bound = found->second;
  if (connected_) {
    rpc::ClientFrame frame;
    frame.mutable_forget()->set_service(bound.name);
    Send(frame);
  }
  ids_.erase(bound.name);
  // The service has no name any more by which its end could be told: it is told now. The other
  // side ends what runs, at once or, when it is not connected, as a service nobody states.
  for (const auto& [generation, outstanding] : bound.instances) {
    TellEnded(InstanceId{id, generation}, EndReason::kReclaimed, "");
  }
  services_.erase(found);
}

void RpcLauncher::Body::Launch(InstanceId instance) {
  const auto found = services_.find(instance.service);
  if (found == services_.end()) {
    return TellEnded(instance, EndReason::kHostFault, "launch: the service is not prepared");
  }
  if (!connected_) {
    return TellEnded(instance, EndReason::kUnavailable, NotConnected().error().message());
  }
  found->second.instances.try_emplace(instance.generation);
  rpc::ClientFrame frame;
  rpc::InstanceName& name = *frame.mutable_launch()->mutable_instance();
  name.set_service(found->second.name);
  name.set_generation(instance.generation);
  Send(frame);
}

void RpcLauncher::Body::Reclaim(InstanceId instance) {
  const auto found = services_.find(instance.service);
  if (found == services_.end()) return;
  const auto one = found->second.instances.find(instance.generation);
  if (one == found->second.instances.end()) return;
  one->second.reclaim = true;
  if (connected_) SendReclaim(found->second.name, instance.generation);
}

void RpcLauncher::Body::SendReclaim(const std::string& name, std::uint64_t generation) {
  rpc::ClientFrame frame;
  rpc::InstanceName& instance = *frame.mutable_reclaim()->mutable_instance();
  instance.set_service(name);
  instance.set_generation(generation);
  Send(frame);
}

void RpcLauncher::Body::ReadConsole(ServiceId id, std::function<void(std::string)> done) {
  const auto found = services_.find(id);
  if (found == services_.end() || !connected_ || questions_.size() >= kQuestionsMax) {
    return Later([done = std::move(done)] { done({}); });
  }
  const std::uint64_t question = next_question_++;
  questions_[question] = std::move(done);
  rpc::ClientFrame frame;
  frame.mutable_read_console()->set_service(found->second.name);
  frame.mutable_read_console()->set_question(question);
  Send(frame);
}

void RpcLauncher::Body::DonePreparing() {
  if (!connected_) return;  // said again after the next on_connected
  rpc::ClientFrame frame;
  (void)frame.mutable_done_preparing();
  Send(frame);
}

void RpcLauncher::Body::Take(const Packet& packet) {
  rpc::ServerFrame frame;
  if (!frame.ParseFromArray(packet.bytes.data(), static_cast<int>(packet.bytes.size()))) {
    return Lost(Error(ErrorCode::kInvalid, "it sent a malformed frame"));
  }
  if (!connected_ && !frame.has_welcome() && !frame.has_inventory()) {
    return Lost(Error(ErrorCode::kInvalid, "it did not begin with its inventory"));
  }
  switch (frame.what_case()) {
    case rpc::ServerFrame::kWelcome: return;  // it would have closed on another version
    case rpc::ServerFrame::kInventory: return TakeInventory(frame.inventory());
    case rpc::ServerFrame::kPrepared: return TakePrepared(frame.prepared());
    case rpc::ServerFrame::kStage: return TakeStage(frame.stage());
    case rpc::ServerFrame::kEnded: return TakeEnded(frame.ended());
    case rpc::ServerFrame::kConsole: return TakeConsole(frame.console());
    case rpc::ServerFrame::kPacket:
    case rpc::ServerFrame::kTraffic:
    case rpc::ServerFrame::kAvailability:
    case rpc::ServerFrame::WHAT_NOT_SET: return TakeService(frame);
  }
}

void RpcLauncher::Body::TakeInventory(const rpc::Inventory& frame) {
  for (const rpc::Inventory::Entry& entry : frame.entries()) {
    const auto taken = EntryFrom(entry);
    if (taken) inventory_.push_back(*taken);
  }
  if (!frame.last()) return;
  connected_ = true;
  told_disconnected_ = false;
  backoff_ = kBackoffFirst;
  const std::vector<InventoryEntry> inventory = std::exchange(inventory_, {});
  for (const InventoryEntry& entry : inventory) {
    adoptable_.emplace(entry.service, Adoptable{.entry = entry, .stages = {}, .end = {}});
  }
  if (options_.on_connected) options_.on_connected(inventory);
  if (connected_) Reconcile(inventory);
}

// What we thought was running, against what is.
void RpcLauncher::Body::Reconcile(const std::vector<InventoryEntry>& inventory) {
  std::map<std::string, InventoryEntry> running;
  for (const InventoryEntry& entry : inventory) running.emplace(entry.service, entry);
  for (auto& [id, bound] : services_) {
    const auto found = running.find(bound.name);
    for (auto one = bound.instances.begin(); one != bound.instances.end();) {
      const InstanceId instance{id, one->first};
      if (found == running.end() || found->second.generation != instance.generation) {
        one = bound.instances.erase(one);
        TellEnded(instance, EndReason::kLost, "it ended while its launcher could not be reached");
        continue;
      }
      adoptable_.erase(bound.name);
      if (one->second.reclaim) SendReclaim(bound.name, instance.generation);
      if (found->second.ready && !one->second.ready_told) {
        one->second.ready_told = true;
        Later([this, instance, kind = found->second.kind] {
          events_.OnStage(instance, StageReport{Stage::kReady, loop_.Now(), kind});
        });
      }
      ++one;
    }
  }
}

std::optional<ServiceId> RpcLauncher::Body::IdOf(const std::string& name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? std::nullopt : std::optional<ServiceId>(found->second);
}

void RpcLauncher::Body::TakePrepared(const rpc::Prepared& frame) {
  const auto id = IdOf(frame.service());
  if (!id || services_[*id].unanswered == 0) return;  // of a service that was forgotten
  --services_[*id].unanswered;
  events_.OnPrepared(*id, StatusFrom(frame.problem()));
}

void RpcLauncher::Body::TellStage(InstanceId instance, Outstanding& outstanding,
                                  const StageReport& report) {
  if (report.stage == Stage::kReady && std::exchange(outstanding.ready_told, true)) return;
  events_.OnStage(instance, report);
}

void RpcLauncher::Body::TakeStage(const rpc::StageReached& frame) {
  const auto report = StageFrom(frame);
  if (!report) return;
  const std::uint64_t generation = frame.instance().generation();
  const auto id = IdOf(frame.instance().service());
  if (id) {
    auto& instances = services_[*id].instances;
    const auto one = instances.find(generation);
    if (one != instances.end()) {
      return TellStage(InstanceId{*id, generation}, one->second, *report);
    }
  }
  const auto adoptable = adoptable_.find(frame.instance().service());
  if (adoptable == adoptable_.end() || adoptable->second.entry.generation != generation) return;
  constexpr std::size_t kStages = 6;
  if (adoptable->second.stages.size() < kStages) adoptable->second.stages.push_back(*report);
}

void RpcLauncher::Body::TakeEnded(const rpc::Ended& frame) {
  const auto report = EndFrom(frame);
  if (!report) return;
  const std::uint64_t generation = frame.instance().generation();
  const auto id = IdOf(frame.instance().service());
  if (id && services_[*id].instances.erase(generation) > 0) {
    return events_.OnEnded(InstanceId{*id, generation}, *report);
  }
  const auto adoptable = adoptable_.find(frame.instance().service());
  if (adoptable != adoptable_.end() && adoptable->second.entry.generation == generation) {
    adoptable->second.end = *report;
  }
}

// Frames about a service or a kind that need no bookkeeping.
void RpcLauncher::Body::TakeService(const rpc::ServerFrame& frame) {
  if (frame.has_packet()) {
    const auto id = IdOf(frame.packet().service());
    if (id) events_.OnPacket(*id, InstantFromNanos(frame.packet().seen_nanos()));
  } else if (frame.has_traffic()) {
    const rpc::Traffic& counters = frame.traffic();
    const auto id = IdOf(counters.service());
    if (!id) return;
    events_.OnTraffic(*id, Traffic{.frames_to_guest = counters.frames_to_guest(),
                                   .frames_from_guest = counters.frames_from_guest(),
                                   .frames_dropped = counters.frames_dropped()});
  } else if (frame.has_availability()) {
    const auto kind = KindFrom(frame.availability().kind());
    if (kind) events_.OnAvailability(*kind, StatusFrom(frame.availability().problem()));
  }
}

void RpcLauncher::Body::TakeConsole(const rpc::Console& frame) {
  auto question = questions_.extract(frame.question());
  if (!question.empty()) question.mapped()(frame.text());
}

}  // namespace summon::launcher
