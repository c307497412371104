// SPDX-License-Identifier: Apache-2.0
// The using side: keeps what was asked, so that nothing is left without an answer when the
// connection goes.
#include "launcher/rpc/rpc_launcher.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "launcher/rpc/convert.h"
#include "launcher/rpc/rpc_launcher_body.h"

namespace summon::launcher {

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
void RpcLauncher::Reclaim(InstanceId instance, Rung rung) { body_->Reclaim(instance, rung); }
void RpcLauncher::Lower(ServiceId service, Rung rung) { body_->Lower(service, rung); }
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
  rests_coming_.clear();
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
  Later([this, id] { TellRest(id); });
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
    if (service->second.instances.erase(instance.generation) == 0) return;
    service->second.rest_told = end.rest;
    events_.OnEnded(instance, end);
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
  rests_.erase(bound.name);
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
  rests_.erase(found->second.name);  // woken, or dropped
  found->second.rest_told = Rest();
  rpc::ClientFrame frame;
  rpc::InstanceName& name = *frame.mutable_launch()->mutable_instance();
  name.set_service(found->second.name);
  name.set_generation(instance.generation);
  Send(frame);
}

void RpcLauncher::Body::Reclaim(InstanceId instance, Rung rung) {
  const auto found = services_.find(instance.service);
  if (found == services_.end()) return;
  const auto one = found->second.instances.find(instance.generation);
  if (one == found->second.instances.end()) return;
  one->second.reclaim = std::max(rung, one->second.reclaim.value_or(rung));
  if (connected_) SendReclaim(found->second.name, instance.generation, *one->second.reclaim);
}

// Said once: after a reconnection whoever asked is told what rests, and may ask again.
void RpcLauncher::Body::Lower(ServiceId id, Rung rung) {
  const auto found = services_.find(id);
  if (found == services_.end() || !connected_) return;
  rpc::ClientFrame frame;
  frame.mutable_lower()->set_service(found->second.name);
  frame.mutable_lower()->set_rung(ToWire(rung));
  Send(frame);
}

void RpcLauncher::Body::SendReclaim(const std::string& name, std::uint64_t generation, Rung rung) {
  rpc::ClientFrame frame;
  frame.mutable_reclaim()->set_rung(ToWire(rung));
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

}  // namespace summon::launcher
