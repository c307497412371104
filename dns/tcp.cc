// SPDX-License-Identifier: Apache-2.0
// Accepting within limits, and finding the connection that an answer is for.
#include "dns/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "dns/socket.h"

namespace summon::dns {

namespace {

// The kernel's own buffers are bounded too: left to itself it grows them to megabytes for each
// connection. It doubles these numbers. Queries are small; a zone transfer still fills 20 Mbit/s
// over 100 ms with such a send buffer.
constexpr int kReceiveBuffer = 32 * 1024;
constexpr int kSendBuffer = 128 * 1024;
// Connections that may bring their first query in the handshake of TCP (RFC 7413) at a time; only
// where net.ipv4.tcp_fastopen has servers enabled.
constexpr int kFastOpenQueue = 64;

void SetOption(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof value);  // less good without, but right
}

SipKey RandomKey() {
  SipKey key{};
  static_assert(std::is_trivially_copyable_v<SipKey>);
  const ssize_t got = getrandom(&key, sizeof key, 0);
  SUMMON_CHECK(got == static_cast<ssize_t>(sizeof key));  // cannot fail for 16 bytes, man page
  return key;
}

}  // namespace

TcpServer::TcpServer(Loop& loop, const TcpLimits& limits, Counters& counters,
                     OnMessage on_message)
    : loop_(loop),
      counters_(counters),
      on_message_(std::move(on_message)),
      shared_(loop, limits, counters),
      handshakes_(limits.handshakes_per_second, RandomKey()),
      resume_(loop, [this] { ResumeAccepting(); }),
      sweep_(loop, [this] { closed_.clear(); }) {}

TcpServer::~TcpServer() {
  while (!connections_.empty()) connections_.begin()->second->Close(CloseReason::kShutdown);
}

Result<Endpoint> TcpServer::Listen(const Endpoint& endpoint, SecureStreamSource* secure) {
  UniqueFd fd = SUMMON_TRY(ListenSocket(endpoint, Transport::kTcp));
  SetOption(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  SetOption(fd.get(), SOL_SOCKET, SO_SNDBUF, kSendBuffer);
  SetOption(fd.get(), IPPROTO_TCP, TCP_FASTOPEN, kFastOpenQueue);
  // Answers are sent when they are complete: waiting for more would only delay them.
  SetOption(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  const Endpoint bound = SUMMON_TRY(BoundEndpoint(fd.get()));
  auto listener = std::make_unique<Listener>(Listener{std::move(fd), secure, nullptr});
  const Listener* raw = listener.get();
  listener->watcher = SUMMON_TRY(FdWatcher::Create(
      loop_, raw->fd.get(), [this, raw](FdWatcher::Ready) { AcceptBatch(*raw); }));
  listener->watcher->Watch(FdWatcher::Interest::kRead);
  listeners_.push_back(std::move(listener));
  return bound;
}

void TcpServer::AcceptBatch(const Listener& listener) {
  for (int i = 0; i < kAcceptBatchMax; ++i) {
    if (!AcceptOne(listener)) return;
  }
}

bool TcpServer::AcceptOne(const Listener& listener) {
  SocketAddress address;
  UniqueFd fd(
      accept4(listener.fd.get(), address.get(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.valid()) {
    const auto client = address.ToEndpoint();
    if (client) Admit(std::move(fd), *client, listener.secure);
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

std::optional<TcpRefusal> TcpServer::RefusalFor(const Endpoint& client, bool secure) {
  const TcpLimits& limits = shared_.limits;
  const std::size_t prefix_max =
      client.IsLocalNetwork() ? limits.per_local_prefix_max : limits.per_prefix_max;
  const auto known = per_prefix_.find(client.Prefix());
  if (known != per_prefix_.end() && known->second >= prefix_max) return TcpRefusal::kPrefix;
  if (secure && !handshakes_.Take(client, loop_.Now())) return TcpRefusal::kHandshakes;
  if (connections_.size() >= limits.connections_max && !EvictIdle()) return TcpRefusal::kFull;
  return std::nullopt;
}

void TcpServer::Admit(UniqueFd fd, const Endpoint& client, SecureStreamSource* secure) {
  ++counters_.tcp_accepted;
  if (const auto refusal = RefusalFor(client, secure != nullptr)) {
    ++counters_.tcp_refused[static_cast<std::size_t>(*refusal)];
    return;  // closes it
  }
  TcpConnection::Peer peer{++last_id_, client, secure ? secure->Accept() : nullptr};
  if (secure && !peer.secure) {
    ++counters_.tcp_accept_failed;
    return;
  }
  const std::uint64_t id = peer.id;
  auto connection = TcpConnection::Create(shared_, std::move(fd), std::move(peer), *this);
  if (!connection.ok()) {
    ++counters_.tcp_accept_failed;
    return;
  }
  ++per_prefix_[client.Prefix()];
  connections_.emplace(id, std::move(connection).value());
  CountOpen();
}

bool TcpServer::EvictIdle() {
  TcpWaitLink* silent = shared_.waits.Oldest(TcpWait::kFirstOctet);
  TcpWaitLink* idle = shared_.waits.Oldest(TcpWait::kIdle);
  TcpWaitLink* oldest = idle;
  if (silent && (!idle || silent->since < idle->since)) oldest = silent;
  if (oldest) TcpConnection::Evict(*oldest);
  return oldest != nullptr;
}

void TcpServer::CountOpen() {
  counters_.tcp_open = connections_.size();
  shared_.waits.SetCrowded(connections_.size() * 4 > shared_.limits.connections_max * 3);
}

void TcpServer::PauseAccepting() {
  for (auto& listener : listeners_) listener->watcher->Watch(FdWatcher::Interest::kNone);
  resume_.Set(loop_.Now() + kAcceptPause);
}

void TcpServer::ResumeAccepting() {
  for (auto& listener : listeners_) listener->watcher->Watch(FdWatcher::Interest::kRead);
}

SendOutcome TcpServer::Send(std::uint64_t connection, Bytes message) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? SendOutcome::kLost : found->second->Send(message);
}

SendOutcome TcpServer::SendPart(std::uint64_t connection, Bytes message) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? SendOutcome::kLost : found->second->SendPart(message);
}

std::optional<std::size_t> TcpServer::Backlog(std::uint64_t connection) const {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return std::nullopt;
  return found->second->backlog();
}

void TcpServer::Settle(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  if (found != connections_.end()) found->second->Settle();
}

void TcpServer::OnTcpMessage(Bytes message, const ReplyTo& from, Instant received) {
  on_message_(message, from, received);
}

void TcpServer::OnTcpClosed(TcpConnection& connection, CloseReason reason) {
  ++counters_.tcp_closed[static_cast<std::size_t>(reason)];
  const auto prefix = per_prefix_.find(connection.client().Prefix());
  if (prefix != per_prefix_.end() && --prefix->second == 0) per_prefix_.erase(prefix);
  const auto found = connections_.find(connection.id());
  if (found == connections_.end()) return;
  // It is still on the stack, with its timer: it is destroyed in a turn of its own.
  closed_.push_back(std::move(found->second));
  connections_.erase(found);
  CountOpen();
  sweep_.Set(loop_.Now());
}

}  // namespace summon::dns
