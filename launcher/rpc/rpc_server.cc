// SPDX-License-Identifier: Apache-2.0
// The served side: names to numbers, events to frames.
#include "launcher/rpc/rpc_server.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/check.h"
#include "base/strings.h"
#include "launcher/rpc/channel.h"
#include "launcher/rpc/convert.h"

namespace summon::launcher {

namespace {

constexpr std::size_t kInventoryEntriesPerFrame = 256;
constexpr Duration kAcceptAgainAfter = std::chrono::milliseconds(200);

}  // namespace

class RpcServer::Body final : public Events {
 public:
  Body(Loop& loop, Logger& log, RpcServerOptions options)
      : loop_(loop), log_(log), options_(std::move(options)),
        accept_timer_(loop, [this] { listener_watcher_->Watch(FdWatcher::Interest::kRead); }),
        unclaimed_timer_(loop, [this] { ForgetUnclaimed(); }) {}

  void Serve(Launcher& launcher) { launcher_ = &launcher; }
  Status Listen(UniqueFd listener);
  void Accept(UniqueFd connection);
  void ForgetAll(std::function<void()> done);
  bool connected() const { return client_ != nullptr; }

  void OnPrepared(ServiceId service, Status status) override;
  void OnStage(InstanceId instance, const StageReport& report) override;
  void OnEnded(InstanceId instance, const EndReport& report) override;
  void OnPacket(ServiceId service, Instant seen) override;
  void OnTraffic(ServiceId service, const Traffic& traffic) override;
  void OnAvailability(Kind kind, const Status& status) override;
  void OnRest(ServiceId service, const Rest& rest) override;
  void OnRungMeasured(const RungMeasure& measure) override;

 private:
  struct Running {
    std::uint64_t generation = 0;
    Kind kind = Kind::kKvm;
    bool ready = false;
    Instant launched{};
  };
  struct Served {
    std::string name;
    bool stands = false;
    bool claimed = false;    // the present client has stated it
    bool forgotten = false;  // only its end is still to be told
    int unanswered = 0;      // Prepares
    std::optional<Running> running;
    std::optional<Instant> packet;  // waits since then
    bool packet_told = false;       // to the present client
    Rest rest;
  };

  void AcceptWaiting();
  void Greet(const Packet& packet);
  void SendInventory();
  void Take(Packet packet);
  void TakePrepare(const rpc::Prepare& frame, std::vector<UniqueFd> fds);
  void TakeLaunch(const rpc::InstanceName& name);
  void TakeReclaim(const rpc::Reclaim& frame);
  void TakeLower(const rpc::Lower& frame);
  void TakeReadConsole(const rpc::ReadConsole& frame);
  void Forget(const std::string& name);
  void ForgetUnclaimed();
  void EraseIfDone(ServiceId id);
  void DropClient(std::string_view why);
  Served* Find(ServiceId id);
  std::optional<ServiceId> IdOf(const std::string& name) const;
  void Send(const rpc::ServerFrame& frame);
  void SendEnded(const std::string& name, std::uint64_t generation, const EndReport& report);
  void SendPacket(Served& service);
  static void Name(rpc::InstanceName& into, const std::string& name, std::uint64_t generation);

  Loop& loop_;
  Logger& log_;
  const RpcServerOptions options_;
  Launcher* launcher_ = nullptr;
  UniqueFd listener_;
  std::unique_ptr<FdWatcher> listener_watcher_;
  Timer accept_timer_;
  std::unique_ptr<Channel> candidate_;  // connected, has not said hello
  std::unique_ptr<Channel> client_;
  Timer unclaimed_timer_;
  std::map<std::string, ServiceId> ids_;
  std::map<ServiceId, Served> services_;
  std::uint32_t next_id_ = 0;
  std::array<std::optional<Status>, kKinds> availability_;
  std::array<std::optional<RungMeasure>, kKinds * kRungs> measures_;
  std::function<void()> all_forgotten_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for Console answers
};

RpcServer::RpcServer(Loop& loop, Logger& log, RpcServerOptions options)
    : body_(std::make_unique<Body>(loop, log, std::move(options))) {}
RpcServer::~RpcServer() = default;
Events& RpcServer::events() { return *body_; }
void RpcServer::Serve(Launcher& launcher) { body_->Serve(launcher); }
Status RpcServer::Listen(UniqueFd listener) { return body_->Listen(std::move(listener)); }
void RpcServer::Accept(UniqueFd connection) { body_->Accept(std::move(connection)); }
void RpcServer::ForgetAll(std::function<void()> done) { body_->ForgetAll(std::move(done)); }
bool RpcServer::connected() const { return body_->connected(); }

Status RpcServer::Body::Listen(UniqueFd listener) {
  listener_ = std::move(listener);
  listener_watcher_ = SUMMON_TRY(
      FdWatcher::Create(loop_, listener_.get(), [this](FdWatcher::Ready) { AcceptWaiting(); }));
  listener_watcher_->Watch(FdWatcher::Interest::kRead);
  return Ok();
}

void RpcServer::Body::AcceptWaiting() {
  Result<std::optional<UniqueFd>> accepted = AcceptSeqpacket(listener_.get());
  if (!accepted.ok()) {
    // Out of descriptors, most likely: the connection still waits, and would wake us at once.
    log_.Warning("cannot accept a client", {{"why", accepted.error().message()}});
    listener_watcher_->Watch(FdWatcher::Interest::kNone);
    accept_timer_.Set(loop_.Now() + kAcceptAgainAfter);
    return;
  }
  if (accepted->has_value()) Accept(std::move(**accepted));
}

void RpcServer::Body::Accept(UniqueFd connection) {
  SUMMON_CHECK(launcher_ != nullptr);
  const Result<PeerCredentials> peer = GetPeerCredentials(connection.get());
  const bool allowed = peer.ok() && std::count(options_.allowed_uids.begin(),
                                               options_.allowed_uids.end(), peer->uid) > 0;
  if (!allowed) {
    log_.Warning("a client was refused: its user is not allowed (--allow-uid)",
                 {{"uid", peer.ok() ? static_cast<long>(peer->uid) : -1L}});
    return;
  }
  Result<std::unique_ptr<Channel>> channel = Channel::Create(
      loop_, std::move(connection), kQueuedFramesMax,
      Channel::Callbacks{.on_frame = [this](Packet packet) { Greet(packet); },
                         .on_lost = [this](const Error&) { candidate_.reset(); }});
  if (!channel.ok()) {
    log_.Warning("cannot serve a client", {{"why", channel.error().message()}});
    return;
  }
  candidate_ = std::move(channel).value();
}

void RpcServer::Body::Greet(const Packet& packet) {
  rpc::ClientFrame frame;
  const bool parsed = frame.ParseFromArray(packet.bytes.data(),
                                           static_cast<int>(packet.bytes.size()));
  if (!parsed || !frame.has_hello() || frame.hello().version() != kRpcVersion) {
    log_.Warning("a client does not speak our protocol; are all programs of one release?",
                 {{"version", parsed ? frame.hello().version() : 0}, {"ours", kRpcVersion}});
    candidate_.reset();
    return;
  }
  if (client_ != nullptr) DropClient("a newer one replaces it");
  unclaimed_timer_.Clear();
  for (auto& [id, service] : services_) {
    service.claimed = false;
    service.packet_told = false;
  }
  client_ = std::move(candidate_);
  client_->SetCallbacks(
      Channel::Callbacks{.on_frame = [this](Packet next) { Take(std::move(next)); },
                         .on_lost = [this](const Error& why) { DropClient(why.message()); }});
  rpc::ServerFrame welcome;
  welcome.mutable_welcome()->set_version(kRpcVersion);
  Send(welcome);
  SendInventory();
  log_.Info("a client is connected", {{"services", services_.size()}});
}

void RpcServer::Body::SendInventory() {
  rpc::ServerFrame frame;
  rpc::Inventory* inventory = frame.mutable_inventory();
  for (const auto& [id, service] : services_) {
    const bool rests = service.rest.rung != Rung::kOff;
    if ((!service.running && !rests) || service.forgotten) continue;
    const int listed = inventory->entries_size() + inventory->resting_size();
    if (static_cast<std::size_t>(listed) == kInventoryEntriesPerFrame) {
      Send(frame);
      inventory->Clear();
    }
    if (!service.running) {
      rpc::RestChanged& resting = *inventory->add_resting();
      resting.set_service(service.name);
      *resting.mutable_rest() = ToFrame(service.rest);
      continue;
    }
    *inventory->add_entries() = ToFrame(InventoryEntry{.service = service.name,
                                                       .generation = service.running->generation,
                                                       .kind = service.running->kind,
                                                       .ready = service.running->ready,
                                                       .launched = service.running->launched});
  }
  inventory->set_last(true);
  Send(frame);
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (availability_[kind]) OnAvailability(static_cast<Kind>(kind), *availability_[kind]);
  }
  for (const auto& measure : measures_) {
    if (measure) OnRungMeasured(*measure);
  }
}

void RpcServer::Body::DropClient(std::string_view why) {
  log_.Info("a client is gone; instances live on", {{"why", why}});
  unclaimed_timer_.Clear();
  client_.reset();
}

void RpcServer::Body::Take(Packet packet) {
  rpc::ClientFrame frame;
  if (!frame.ParseFromArray(packet.bytes.data(), static_cast<int>(packet.bytes.size()))) {
    return DropClient("it sent a malformed frame");
  }
  switch (frame.what_case()) {
    case rpc::ClientFrame::kPrepare:
      return TakePrepare(frame.prepare(), std::move(packet.fds));
    case rpc::ClientFrame::kForget: return Forget(frame.forget().service());
    case rpc::ClientFrame::kLaunch: return TakeLaunch(frame.launch().instance());
    case rpc::ClientFrame::kReclaim: return TakeReclaim(frame.reclaim());
    case rpc::ClientFrame::kLower: return TakeLower(frame.lower());
    case rpc::ClientFrame::kReadConsole: return TakeReadConsole(frame.read_console());
    case rpc::ClientFrame::kDonePreparing:
      return unclaimed_timer_.Set(loop_.Now() + options_.unclaimed_after);
    case rpc::ClientFrame::kHello:
    case rpc::ClientFrame::WHAT_NOT_SET: break;
  }
  DropClient("it sent a frame that has no place here");
}

void RpcServer::Body::TakePrepare(const rpc::Prepare& frame, std::vector<UniqueFd> fds) {
  Result<LaunchOrder> order = OrderFrom(frame, std::move(fds));
  const std::string& name = frame.service();
  if (!order.ok() || (ids_.count(name) == 0 && ids_.size() >= kServicesMax)) {
    rpc::ServerFrame answer;
    answer.mutable_prepared()->set_service(name);
    *answer.mutable_prepared()->mutable_problem() =
        ToFrame(order.ok() ? Status(Error(ErrorCode::kExhausted,
                                          StrCat("there are ", kServicesMax, " services")))
                           : Status(order.error()));
    return Send(answer);
  }
  auto found = ids_.find(name);
  if (found == ids_.end()) {
    found = ids_.emplace(name, ServiceId{next_id_++}).first;
    services_[found->second].name = name;
  }
  Served& service = services_[found->second];
  service.claimed = true;
  ++service.unanswered;
  launcher_->Prepare(found->second, std::move(order).value());
}

void RpcServer::Body::TakeLaunch(const rpc::InstanceName& name) {
  const auto id = IdOf(name.service());
  Served* service = id ? Find(*id) : nullptr;
  if (service == nullptr) {
    return SendEnded(name.service(), name.generation(),
                     EndReport{.reason = EndReason::kHostFault,
                               .detail = "launch: the service is not prepared"});
  }
  if (service->running && service->running->generation == name.generation()) {
    return DropClient("it launched an instance that is alive");
  }
  if (!service->running) {
    service->running = Running{.generation = name.generation(), .launched = loop_.Now()};
    service->packet.reset();
    service->packet_told = false;
    service->rest = Rest();
  }
  launcher_->Launch(InstanceId{*id, name.generation()});
}

void RpcServer::Body::TakeReclaim(const rpc::Reclaim& frame) {
  const auto rung = RungFrom(frame.rung());
  if (!rung) return DropClient("it reclaimed an instance to no rung");
  const auto id = IdOf(frame.instance().service());
  if (id) launcher_->Reclaim(InstanceId{*id, frame.instance().generation()}, *rung);
}

void RpcServer::Body::TakeLower(const rpc::Lower& frame) {
  const auto rung = RungFrom(frame.rung());
  if (!rung) return DropClient("it lowered a service to no rung");
  const auto id = IdOf(frame.service());
  if (id) launcher_->Lower(*id, *rung);
}

void RpcServer::Body::TakeReadConsole(const rpc::ReadConsole& frame) {
  const auto id = IdOf(frame.service());
  const auto answer = [this, alive = std::weak_ptr<bool>(alive_),
                       question = frame.question()](std::string text) {
    if (alive.expired()) return;
    rpc::ServerFrame console;
    console.mutable_console()->set_question(question);
    console.mutable_console()->set_text(std::move(text));
    Send(console);
  };
  if (id) {
    launcher_->ReadConsole(*id, answer);
  } else {
    answer({});
  }
}

void RpcServer::Body::Forget(const std::string& name) {
  const auto id = IdOf(name);
  if (!id) return;
  ids_.erase(name);
  Find(*id)->forgotten = true;
  launcher_->Forget(*id);
  EraseIfDone(*id);
}

void RpcServer::Body::ForgetUnclaimed() {
  std::vector<std::string> unclaimed;
  for (const auto& [id, service] : services_) {
    if (!service.claimed && !service.forgotten) unclaimed.push_back(service.name);
  }
  for (const std::string& name : unclaimed) {
    log_.Info("a service is forgotten: the client does not have it any more", {{"service", name}});
    Forget(name);
  }
}

void RpcServer::Body::ForgetAll(std::function<void()> done) {
  all_forgotten_ = std::move(done);
  std::vector<std::string> names;
  for (const auto& [name, id] : ids_) names.push_back(name);
  for (const std::string& name : names) Forget(name);
  if (services_.empty()) EraseIfDone(ServiceId{});
}

void RpcServer::Body::EraseIfDone(ServiceId id) {
  const Served* service = Find(id);
  if (service != nullptr && service->forgotten && !service->running) services_.erase(id);
  if (!services_.empty() || !all_forgotten_) return;
  loop_.Post(std::move(all_forgotten_));
  all_forgotten_ = nullptr;
}

RpcServer::Body::Served* RpcServer::Body::Find(ServiceId id) {
  const auto found = services_.find(id);
  return found == services_.end() ? nullptr : &found->second;
}

std::optional<ServiceId> RpcServer::Body::IdOf(const std::string& name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? std::nullopt : std::optional<ServiceId>(found->second);
}

void RpcServer::Body::Send(const rpc::ServerFrame& frame) {
  if (client_ != nullptr) client_->Send(frame.SerializeAsString());
}

void RpcServer::Body::Name(rpc::InstanceName& into, const std::string& name,
                           std::uint64_t generation) {
  into.set_service(name);
  into.set_generation(generation);
}

void RpcServer::Body::SendEnded(const std::string& name, std::uint64_t generation,
                                const EndReport& report) {
  rpc::ServerFrame frame;
  *frame.mutable_ended() = ToFrame(report);
  Name(*frame.mutable_ended()->mutable_instance(), name, generation);
  Send(frame);
}

void RpcServer::Body::SendPacket(Served& service) {
  if (client_ == nullptr || !service.claimed || !service.packet || service.packet_told) return;
  service.packet_told = true;
  rpc::ServerFrame frame;
  frame.mutable_packet()->set_service(service.name);
  frame.mutable_packet()->set_seen_nanos(ToNanos(*service.packet));
  Send(frame);
}

void RpcServer::Body::OnPrepared(ServiceId id, Status status) {
  Served* service = Find(id);
  if (service == nullptr || service->forgotten) return;
  --service->unanswered;
  service->stands = service->stands || status.ok();
  rpc::ServerFrame frame;
  frame.mutable_prepared()->set_service(service->name);
  *frame.mutable_prepared()->mutable_problem() = ToFrame(status);
  Send(frame);
  SendPacket(*service);
  if (!service->stands && service->unanswered == 0) {
    ids_.erase(service->name);
    service->forgotten = true;
    EraseIfDone(id);
  }
}

void RpcServer::Body::OnStage(InstanceId instance, const StageReport& report) {
  Served* service = Find(instance.service);
  if (service == nullptr) return;
  if (service->running && service->running->generation == instance.generation) {
    service->running->kind = report.kind;
    service->running->ready = service->running->ready || report.stage == Stage::kReady;
  }
  rpc::ServerFrame frame;
  *frame.mutable_stage() = ToFrame(report);
  Name(*frame.mutable_stage()->mutable_instance(), service->name, instance.generation);
  Send(frame);
}

void RpcServer::Body::OnEnded(InstanceId instance, const EndReport& report) {
  Served* service = Find(instance.service);
  if (service == nullptr) return;
  if (service->running && service->running->generation == instance.generation) {
    service->running.reset();
    service->rest = report.rest;
  }
  SendEnded(service->name, instance.generation, report);
  EraseIfDone(instance.service);
}

void RpcServer::Body::OnPacket(ServiceId id, Instant seen) {
  Served* service = Find(id);
  if (service == nullptr || service->running) return;
  service->packet = seen;
  service->packet_told = false;
  SendPacket(*service);
}

void RpcServer::Body::OnTraffic(ServiceId id, const Traffic& traffic) {
  const Served* service = Find(id);
  if (service == nullptr) return;
  rpc::ServerFrame frame;
  rpc::Traffic& counters = *frame.mutable_traffic();
  counters.set_service(service->name);
  counters.set_frames_to_guest(traffic.frames_to_guest);
  counters.set_frames_from_guest(traffic.frames_from_guest);
  counters.set_frames_dropped(traffic.frames_dropped);
  Send(frame);
}

void RpcServer::Body::OnAvailability(Kind kind, const Status& status) {
  availability_[static_cast<std::size_t>(kind)] = status;
  rpc::ServerFrame frame;
  frame.mutable_availability()->set_kind(ToWire(kind));
  *frame.mutable_availability()->mutable_problem() = ToFrame(status);
  Send(frame);
}

void RpcServer::Body::OnRest(ServiceId id, const Rest& rest) {
  Served* service = Find(id);
  if (service == nullptr || service->running) return;
  service->rest = rest;
  rpc::ServerFrame frame;
  frame.mutable_rest()->set_service(service->name);
  *frame.mutable_rest()->mutable_rest() = ToFrame(rest);
  Send(frame);
}

void RpcServer::Body::OnRungMeasured(const RungMeasure& measure) {
  measures_[static_cast<std::size_t>(measure.kind) * kRungs +
            static_cast<std::size_t>(measure.rung)] = measure;
  rpc::ServerFrame frame;
  *frame.mutable_rung_measured() = ToFrame(measure);
  Send(frame);
}

}  // namespace summon::launcher
