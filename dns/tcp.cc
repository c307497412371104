// SPDX-License-Identifier: Apache-2.0
// Accepting within limits, and finding the connection that an answer is for.
#include "dns/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "dns/socket.h"

namespace summon::dns {

TcpServer::TcpServer(Loop& loop, const TcpLimits& limits, Counters& counters,
                     OnMessage on_message)
    : loop_(loop),
      limits_(limits),
      counters_(counters),
      on_message_(std::move(on_message)),
      resume_(loop, [this] { ResumeAccepting(); }),
      sweep_(loop, [this] { closed_.clear(); }) {}

TcpServer::~TcpServer() {
  while (!connections_.empty()) connections_.begin()->second->Close(CloseReason::kShutdown);
}

Status TcpServer::Listen(const Endpoint& endpoint) {
  UniqueFd fd = SUMMON_TRY(ListenSocket(endpoint, Transport::kTcp));
  const int raw = fd.get();
  auto watcher = SUMMON_TRY(
      FdWatcher::Create(loop_, raw, [this, raw](FdWatcher::Ready) { AcceptBatch(raw); }));
  watcher->Watch(FdWatcher::Interest::kRead);
  listeners_.push_back(Listener{std::move(fd), std::move(watcher)});
  return Ok();
}

void TcpServer::AcceptBatch(int listener_fd) {
  for (int i = 0; i < kAcceptBatchMax; ++i) {
    if (!AcceptOne(listener_fd)) return;
  }
}

bool TcpServer::AcceptOne(int listener_fd) {
  SocketAddress address;
  UniqueFd fd(accept4(listener_fd, address.get(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.valid()) {
    const auto client = address.ToEndpoint();
    if (client) Admit(std::move(fd), *client);
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      ++counters_.tcp_accept_failed;
      (void)EvictIdle();  // frees a descriptor for when accepting goes on
      PauseAccepting();
      return false;
    default:
      // EINTR, ECONNABORTED and what Linux passes on from the network: that connection is gone,
      // the next one is not (accept(2), "Error handling").
      return true;
  }
}

void TcpServer::Admit(UniqueFd fd, const Endpoint& client) {
  ++counters_.tcp_accepted;
  const std::size_t prefix_max =
      client.IsLocalNetwork() ? limits_.per_local_prefix_max : limits_.per_prefix_max;
  const auto known = per_prefix_.find(client.Prefix());
  if (known != per_prefix_.end() && known->second >= prefix_max) {
    ++counters_.tcp_refused;
    return;  // closes it
  }
  if (connections_.size() >= limits_.connections_max && !EvictIdle()) {
    ++counters_.tcp_refused;
    return;
  }
  // Answers are sent when they are complete: waiting for more would only delay them.
  const int on = 1;
  (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // slower without
  const TcpConnection::Peer peer{++last_id_, client};
  auto connection = TcpConnection::Create(loop_, std::move(fd), peer, limits_, *this);
  if (!connection.ok()) {
    ++counters_.tcp_accept_failed;
    return;
  }
  ++per_prefix_[client.Prefix()];
  connections_.emplace(peer.id, std::move(connection).value());
  counters_.tcp_open = connections_.size();
}

bool TcpServer::EvictIdle() {
  TcpConnection* oldest = nullptr;
  for (const auto& [id, connection] : connections_) {
    if (!connection->IsIdle()) continue;
    if (!oldest || connection->idle_since() < oldest->idle_since()) oldest = connection.get();
  }
  if (oldest) oldest->Close(CloseReason::kEvicted);
  return oldest != nullptr;
}

void TcpServer::PauseAccepting() {
  for (Listener& listener : listeners_) listener.watcher->Watch(FdWatcher::Interest::kNone);
  resume_.Set(loop_.Now() + kAcceptPause);
}

void TcpServer::ResumeAccepting() {
  for (Listener& listener : listeners_) listener.watcher->Watch(FdWatcher::Interest::kRead);
}

SendOutcome TcpServer::Send(std::uint64_t connection, Bytes message) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? SendOutcome::kLost : found->second->Send(message);
}

void TcpServer::Settle(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  if (found != connections_.end()) found->second->Settle();
}

void TcpServer::OnTcpMessage(Bytes message, const ReplyTo& from) { on_message_(message, from); }

void TcpServer::OnTcpClosed(TcpConnection& connection, CloseReason reason) {
  ++counters_.tcp_closed[static_cast<std::size_t>(reason)];
  const auto prefix = per_prefix_.find(connection.client().Prefix());
  if (prefix != per_prefix_.end() && --prefix->second == 0) per_prefix_.erase(prefix);
  const auto found = connections_.find(connection.id());
  if (found == connections_.end()) return;
  // It is still on the stack, with its timer: it is destroyed in a turn of its own.
  closed_.push_back(std::move(found->second));
  connections_.erase(found);
  counters_.tcp_open = connections_.size();
  sweep_.Set(loop_.Now());
}

bool TcpServer::TcpCrowded() const {
  return connections_.size() > limits_.connections_max / 4 * 3;
}

}  // namespace summon::dns
