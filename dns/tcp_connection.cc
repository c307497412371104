// SPDX-License-Identifier: Apache-2.0
// The life of a connection. Answers never call back into the handler: queries that waited for room
// are taken up by the timer, in a turn of their own.
#include "dns/tcp_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace summon::dns {

Result<std::unique_ptr<TcpConnection>> TcpConnection::Create(Loop& loop, UniqueFd fd,
                                                             const Peer& peer,
                                                             const TcpLimits& limits,
                                                             TcpConnectionOwner& owner) {
  std::unique_ptr<TcpConnection> connection(
      new TcpConnection(loop, std::move(fd), peer, limits, owner));
  TcpConnection* raw = connection.get();
  connection->watcher_ = SUMMON_TRY(FdWatcher::Create(
      loop, raw->fd_.get(), [raw](FdWatcher::Ready ready) { raw->OnReady(ready); }));
  connection->Update();
  return connection;
}

TcpConnection::TcpConnection(Loop& loop, UniqueFd fd, const Peer& peer, const TcpLimits& limits,
                             TcpConnectionOwner& owner)
    : loop_(loop),
      peer_(peer),
      limits_(limits),
      owner_(owner),
      fd_(std::move(fd)),
      accepted_at_(loop.Now()),
      active_at_(accepted_at_),
      timer_(loop, [this] { OnTimer(); }) {}

TcpConnection::~TcpConnection() = default;

void TcpConnection::OnReady(FdWatcher::Ready ready) {
  if (closed_) return;
  if (unsent() > 0 && (ready.writable || ready.disconnected)) Flush();
  if (!closed_ && MayRead() && (ready.readable || ready.disconnected)) ReadSome();
  Update();
}

void TcpConnection::OnTimer() {
  if (closed_) return;
  armed_ = kNever;
  if (MayRead() && framer_.ready()) {
    Process();
  } else if (const Deadline deadline = NextDeadline(); loop_.Now() >= deadline.at) {
    Close(deadline.reason);
  }
  Update();
}

bool TcpConnection::MayRead() const {
  return unanswered_ < limits_.unanswered_max && unsent() < limits_.unsent_max / 2;
}

void TcpConnection::ReadSome() {
  if (ended_) return;
  std::array<std::uint8_t, kReadMax> space;
  const ssize_t received = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
  if (received < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) Close(CloseReason::kPeer);
    return;
  }
  if (received == 0) {
    ended_ = true;  // it may still want the answers to what it has asked
    return;
  }
  active_at_ = loop_.Now();
  heard_ = true;
  if (!framer_.pending()) message_since_ = active_at_;
  framer_.Append(Bytes(space.data(), static_cast<std::size_t>(received)));
  Process();
}

void TcpConnection::Process() {
  processing_ = true;
  ReplyTo from;
  from.transport = Transport::kTcp;
  from.client = peer_.client;
  from.connection = peer_.id;
  bool any = false;
  while (!closed_ && MayRead()) {
    const auto message = framer_.Next();
    if (!message) break;
    any = true;
    ++unanswered_;
    owner_.OnTcpMessage(*message, from);
  }
  processing_ = false;
  if (closed_) return;
  // What is left began to arrive with, or after, the last of the whole messages.
  if (any) message_since_ = loop_.Now();
  Flush();
  if (framer_.broken()) Close(CloseReason::kFraming);
}

SendOutcome TcpConnection::Send(Bytes message) {
  if (unanswered_ > 0) --unanswered_;
  if (closed_) return SendOutcome::kLost;
  if (unsent() + message.size() > limits_.unsent_max) {
    Close(CloseReason::kWriteOverflow);
    return SendOutcome::kLost;
  }
  active_at_ = loop_.Now();
  if (unsent() == 0) progress_at_ = active_at_;
  output_.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  output_.push_back(static_cast<std::uint8_t>(message.size()));
  output_.insert(output_.end(), message.begin(), message.end());
  if (!processing_ || unsent() >= kFlushAt) Flush();
  if (closed_) return SendOutcome::kLost;
  if (!processing_) Update();
  return SendOutcome::kSent;
}

void TcpConnection::Settle() {
  if (unanswered_ > 0) --unanswered_;
  if (!closed_ && !processing_) Update();
}

void TcpConnection::Flush() {
  while (unsent() > 0) {
    const ssize_t count =
        send(fd_.get(), output_.data() + sent_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) Close(CloseReason::kPeer);
      break;
    }
    sent_ += static_cast<std::size_t>(count);
    progress_at_ = loop_.Now();
  }
  if (unsent() == 0) {
    output_.clear();
    if (output_.capacity() > kReadMax) output_.shrink_to_fit();
    sent_ = 0;
  } else if (sent_ >= kFlushAt) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }
}

bool TcpConnection::IsIdle() const {
  return !closed_ && unanswered_ == 0 && unsent() == 0 && !framer_.pending();
}

TcpConnection::Deadline TcpConnection::NextDeadline() const {
  Deadline next;
  const auto consider = [&next](Instant at, CloseReason reason) {
    if (at < next.at) next = {at, reason};
  };
  if (unsent() > 0) consider(progress_at_ + limits_.write_stall, CloseReason::kWriteStalled);
  if (!heard_) consider(accepted_at_ + limits_.first_octet, CloseReason::kFirstOctet);
  // While we do not read, a message that does not arrive is not the peer's fault.
  if (framer_.pending() && !framer_.ready() && MayRead()) {
    consider(message_since_ + limits_.message, CloseReason::kMessageDeadline);
  }
  if (heard_ && IsIdle()) {
    const Duration idle = owner_.TcpCrowded() ? limits_.idle_crowded : limits_.idle;
    consider(active_at_ + idle, CloseReason::kIdle);
  }
  return next;
}

void TcpConnection::Update() {
  if (closed_) return;
  const bool may_read = MayRead();
  // A message that stopped arriving because we did not read gets its time anew.
  if (may_read && !could_read_) message_since_ = loop_.Now();
  could_read_ = may_read;
  const bool waiting = framer_.ready() && may_read;
  if (ended_ && unanswered_ == 0 && unsent() == 0 && !framer_.ready()) {
    Close(CloseReason::kPeer);
    return;
  }
  using Interest = FdWatcher::Interest;
  const bool reads = !ended_ && may_read && !waiting;
  Interest interest = unsent() > 0 ? Interest::kDrain : Interest::kNone;
  if (reads) interest = unsent() > 0 ? Interest::kReadWrite : Interest::kRead;
  if (interest != interest_) watcher_->Watch(interest);
  interest_ = interest;

  // The timer is only ever moved forward in time when it fires: most deadlines are renewed many
  // times before they are due.
  const Instant at = waiting ? loop_.Now() : NextDeadline().at;
  if (at < armed_) {
    timer_.Set(at);
    armed_ = at;
  }
}

void TcpConnection::Close(CloseReason reason) {
  if (closed_) return;
  closed_ = true;
  timer_.Clear();
  watcher_.reset();
  fd_.Reset();
  owner_.OnTcpClosed(*this, reason);
}

}  // namespace summon::dns
