// SPDX-License-Identifier: Apache-2.0
// Answering `summon`; see the header.
#include "summoner/daemon/control_server.h"

#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "summoner/control/control.h"
#include "summoner/daemon/status_message.h"

namespace summon::summoner {

namespace {

// The rung that an operator names; off when none is named.
std::optional<Rung> RungNamed(std::string_view name) {
  if (name.empty()) return Rung::kOff;
  for (std::size_t rung = 0; rung < launcher::kRungs; ++rung) {
    if (RungName(static_cast<Rung>(rung)) == name) return static_cast<Rung>(rung);
  }
  return std::nullopt;
}

constexpr std::size_t kRequestBytesMax = 4096;
constexpr Duration kAcceptAgainAfter = std::chrono::milliseconds(200);

Duration PatienceOf(std::uint32_t timeout_ms) {
  return std::chrono::milliseconds(std::min(timeout_ms, control::kTimeoutMaxMs));
}

std::string_view NameIn(const control::Request& request) {
  switch (request.ask_case()) {
    case control::Request::kStatus: return request.status().service();
    case control::Request::kSummon: return request.summon().service();
    case control::Request::kReclaim: return request.reclaim().service();
    case control::Request::kLogs: return request.logs().service();
    default: return {};
  }
}

}  // namespace

// Somebody at the control socket who waits until a service is ready.
class ControlServer::SummonReply final : public Reply {
 public:
  SummonReply(ControlServer& server, ConnectionId connection, ServiceId service)
      : server_(server), connection_(connection), service_(service) {}

  bool Answer(std::chrono::seconds, AnswerReason) override {
    const auto status = server_.conductor_.summoner().StatusOf(service_);
    const bool ready = status && status->phase == PhaseKind::kReady;
    server_.SendStatus(connection_, service_, ready ? "ok" : "timeout",
                       ready ? "" : "it is not ready yet; its launch goes on");
    return false;  // no address went to a client: no lease
  }
  void Refuse(RefuseReason reason, const std::string& detail) override {
    server_.SendStatus(connection_, service_, "failed",
                       StrCat(RefuseReasonName(reason), ": ", detail));
  }

 private:
  ControlServer& server_;
  const ConnectionId connection_;
  const ServiceId service_;
};

ControlServer::ControlServer(Loop& loop, Logger& log, Conductor& conductor, Registrar& registrar,
                             launcher::Launcher& launcher)
    : loop_(loop),
      log_(log),
      conductor_(conductor),
      registrar_(registrar),
      launcher_(launcher),
      accept_timer_(loop, [this] { listener_watcher_->Watch(FdWatcher::Interest::kRead); }),
      rest_timer_(loop, [this] { ExpireRestWaits(); }) {}

Result<std::unique_ptr<ControlServer>> ControlServer::Create(Loop& loop, Logger& log,
                                                             const std::string& path,
                                                             Conductor& conductor,
                                                             Registrar& registrar,
                                                             launcher::Launcher& launcher) {
  std::unique_ptr<ControlServer> server(
      new ControlServer(loop, log, conductor, registrar, launcher));
  server->listener_ = SUMMON_TRY(ListenSeqpacket(path).Wrap("control socket"));
  server->path_ = path;
  ControlServer* const raw = server.get();
  server->listener_watcher_ = SUMMON_TRY(FdWatcher::Create(
      loop, server->listener_.get(), [raw](FdWatcher::Ready) { raw->AcceptAll(); }));
  server->listener_watcher_->Watch(FdWatcher::Interest::kRead);
  return server;
}

ControlServer::~ControlServer() {
  if (!path_.empty()) (void)unlink(path_.c_str());  // gone already when somebody removed it
}

void ControlServer::AcceptAll() {
  while (true) {
    auto accepted = AcceptSeqpacket(listener_.get());
    if (!accepted.ok()) {
      // Out of descriptors, most likely: the connection still waits, and would wake us at once.
      log_.Warning("control socket", {{"why", accepted.error().message()}});
      listener_watcher_->Watch(FdWatcher::Interest::kNone);
      accept_timer_.Set(loop_.Now() + kAcceptAgainAfter);
      return;
    }
    if (!accepted->has_value()) return;
    if (connections_.size() >= kConnectionsMax) continue;  // the new one closes here
    const ConnectionId id = next_connection_++;
    auto watcher = FdWatcher::Create(loop_, (*accepted)->get(),
                                     [this, id](FdWatcher::Ready) { Receive(id); });
    if (!watcher.ok()) continue;
    watcher.value()->Watch(FdWatcher::Interest::kRead);
    connections_[id] = Connection{std::move(**accepted), std::move(watcher).value()};
  }
}

void ControlServer::Close(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  found->second.watcher.reset();  // before its descriptor
  connections_.erase(found);
}

void ControlServer::Receive(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  auto packet = ReceivePacket(found->second.socket.get(), kRequestBytesMax);
  if (!packet.ok()) return Close(id);
  if (!packet->has_value()) return;
  control::Request request;
  if (!request.ParseFromArray((*packet)->bytes.data(),
                              static_cast<int>((*packet)->bytes.size()))) {
    return Close(id);
  }
  Handle(id, request);
}

void ControlServer::Send(ConnectionId id, const control::Response& response) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // asked and left
  const std::string bytes = response.SerializeAsString();
  // SAFETY: char and uint8_t have the same representation.
  const Bytes view(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (!SendPacket(found->second.socket.get(), view).ok()) Close(id);
}

void ControlServer::FillService(ServiceId service, control::Response& response) const {
  const configs::Service* configured = registrar_.FindService(service);
  const auto status = conductor_.summoner().StatusOf(service);
  if (configured == nullptr || !status) return;
  *response.add_services() = StatusMessage(*configured, *status, loop_.Now());
}

void ControlServer::SendStatus(ConnectionId id, ServiceId service, const std::string& code,
                               const std::string& error) {
  control::Response response;
  response.set_code(code);
  response.set_error(error);
  FillService(service, response);
  Send(id, response);
}

void ControlServer::Handle(ConnectionId id, const control::Request& request) {
  if (request.has_list()) return HandleList(id, request.list());
  const std::string name(NameIn(request));
  const auto service = registrar_.ids().find(name);
  if (service == registrar_.ids().end()) {
    std::vector<std::string> names;
    for (const auto& [known, known_id] : registrar_.ids()) names.push_back(known);
    const auto nearest = NearestName(name, names);
    control::Response response;
    response.set_code("not_found");
    response.set_error(StrCat("no service is named ", Quote(name),
                              nearest ? StrCat("; did you mean ", Quote(*nearest), "?")
                                      : "; `summon list` shows all"));
    return Send(id, response);
  }
  switch (request.ask_case()) {
    case control::Request::kStatus: return SendStatus(id, service->second, "ok", "");
    case control::Request::kSummon: return HandleSummon(id, service->second, request.summon());
    case control::Request::kReclaim: return HandleReclaim(id, service->second, request.reclaim());
    case control::Request::kLogs: return HandleLogs(id, service->second);
    default: return Close(id);
  }
}

void ControlServer::HandleList(ConnectionId id, const control::Request::List& list) {
  control::Response response;
  response.set_code("ok");
  std::size_t index = 0;
  for (const auto& [name, service] : registrar_.ids()) {
    if (index++ < list.offset()) continue;
    if (response.services_size() == static_cast<int>(control::kPageServices) ||
        response.ByteSizeLong() > control::kPageBytes) {
      response.set_next_offset(static_cast<std::uint32_t>(index - 1));
      break;
    }
    FillService(service, response);
    // A waterfall belongs to a status; a page of them would not fit a message.
    if (response.services_size() > 0) {
      response.mutable_services(response.services_size() - 1)->clear_last_summon();
    }
  }
  for (const launcher::Kind kind : {launcher::Kind::kKvm, launcher::Kind::kProcess}) {
    control::Launcher* launcher = response.add_launchers();
    launcher->set_name(std::string(launcher::KindName(kind)));
    const auto& problem = conductor_.KindProblem(kind);
    launcher->set_usable(problem && problem->empty());
    launcher->set_reason(problem ? *problem : "summon-launcherd has not been reached yet");
  }
  Send(id, response);
}

void ControlServer::HandleSummon(ConnectionId id, ServiceId service,
                                 const control::Request::Summon& summon) {
  const Instant now = loop_.Now();
  if (!summon.wait_ready()) {
    conductor_.Nudge(service, Trigger::kApi, now);
    return SendStatus(id, service, "ok", "");
  }
  conductor_.Request(service,
                     {.trigger = Trigger::kApi,
                      .received = now,
                      .patience = Patience::kUntilReady,
                      .until = now + PatienceOf(summon.timeout_ms())},
                     std::make_unique<SummonReply>(*this, id, service));
}

void ControlServer::HandleReclaim(ConnectionId id, ServiceId service,
                                  const control::Request::Reclaim& reclaim) {
  const auto rung = RungNamed(reclaim.rung());
  if (!rung) {
    return SendStatus(id, service, "invalid",
                      StrCat("there is no rung ", Quote(reclaim.rung()),
                             "; paused, parked, saved and off are"));
  }
  conductor_.Reclaim(service, *rung);
  const auto status = conductor_.summoner().StatusOf(service);
  const bool at_rest = !status || (status->phase != PhaseKind::kReclaiming &&
                                   status->phase != PhaseKind::kSummoning);
  if (at_rest || !reclaim.wait_rested()) return SendStatus(id, service, "ok", "");
  rest_waits_.push_back({id, service, loop_.Now() + PatienceOf(reclaim.timeout_ms())});
  ExpireRestWaits();
}

void ControlServer::OnPhase(ServiceId service, PhaseKind phase) {
  if (phase == PhaseKind::kReclaiming) return;
  std::vector<RestWait> done;
  std::erase_if(rest_waits_, [&](const RestWait& wait) {
    if (wait.service == service) done.push_back(wait);
    return wait.service == service;
  });
  for (const RestWait& wait : done) SendStatus(wait.connection, service, "ok", "");
}

void ControlServer::ExpireRestWaits() {
  const Instant now = loop_.Now();
  std::vector<RestWait> expired;
  Instant next = kNever;
  std::erase_if(rest_waits_, [&](const RestWait& wait) {
    if (wait.deadline <= now) expired.push_back(wait);
    else next = std::min(next, wait.deadline);
    return wait.deadline <= now;
  });
  for (const RestWait& wait : expired) {
    SendStatus(wait.connection, wait.service, "timeout", "it is not at rest yet");
  }
  if (next != kNever) rest_timer_.Set(next);
}

void ControlServer::HandleLogs(ConnectionId id, ServiceId service) {
  launcher_.ReadConsole(service, [this, id](std::string console) {
    control::Response response;
    response.set_code("ok");
    response.set_console(std::move(console));
    Send(id, response);
  });
}

}  // namespace summon::summoner
