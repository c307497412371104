// SPDX-License-Identifier: Apache-2.0
// The life of a connection. Answers never call back into the handler: queries that waited for room
// are taken up in a turn of their own.
#include "dns/tcp_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace summon::dns {

namespace {

constexpr std::size_t kLengthSize = 2;  // RFC 1035 section 4.2.2

void AppendFramed(std::vector<std::uint8_t>& to, Bytes message) {
  to.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  to.push_back(static_cast<std::uint8_t>(message.size()));
  to.insert(to.end(), message.begin(), message.end());
}

}  // namespace

Result<std::unique_ptr<TcpConnection>> TcpConnection::Create(TcpShared& shared, UniqueFd fd,
                                                             Peer peer,
                                                             TcpConnectionOwner& owner) {
  std::unique_ptr<TcpConnection> connection(
      new TcpConnection(shared, std::move(fd), std::move(peer), owner));
  TcpConnection* raw = connection.get();
  connection->watcher_ = SUMMON_TRY(FdWatcher::Create(
      shared.loop, raw->fd_.get(), [raw](FdWatcher::Ready ready) { raw->OnReady(ready); }));
  connection->Update();
  return connection;
}

TcpConnection::TcpConnection(TcpShared& shared, UniqueFd fd, Peer peer, TcpConnectionOwner& owner)
    : shared_(shared),
      owner_(owner),
      id_(peer.id),
      client_(peer.client),
      fd_(std::move(fd)),
      secure_(std::move(peer.secure)),
      handshaking_(secure_ != nullptr) {}

TcpConnection::~TcpConnection() {
  shared_.waits.End(waits_);
  shared_.waits.End(stalls_);
}

void TcpConnection::Evict(TcpWaitLink& link) {
  // SAFETY: only connections have such links.
  static_cast<TcpConnection*>(link.waiter)->Close(CloseReason::kEvicted);
}

void TcpConnection::OnReady(FdWatcher::Ready ready) {
  if (closed_) return;
  if (unsent() > 0 && (ready.writable || ready.disconnected)) Drain();
  if (!closed_ && (ready.readable || ready.disconnected)) ReadSome();
  Update();
}

void TcpConnection::OnDue(TcpWait what) {
  switch (what) {
    case TcpWait::kResume:
      Take({});
      Update();
      return;
    case TcpWait::kFirstOctet: return Close(CloseReason::kFirstOctet);
    case TcpWait::kHandshake: return Close(CloseReason::kHandshakeDeadline);
    case TcpWait::kMessage: return Close(CloseReason::kMessageDeadline);
    case TcpWait::kIdle: return Close(CloseReason::kIdle);
    case TcpWait::kStall: return Close(CloseReason::kWriteStalled);
    case TcpWait::kNone: return;
  }
}

bool TcpConnection::MayRead() const {
  return unanswered_ < shared_.limits.unanswered_max && unsent() < shared_.limits.unsent_max / 2;
}

void TcpConnection::ReadSome() {
  if (ended_ || !MayRead() || framer_.ready()) return;
  if (!shared_.turn.MayRead() || (handshaking_ && !shared_.turn.MayShakeHands())) return;
  const ssize_t received =
      recv(fd_.get(), shared_.read.data(), shared_.read.size(), MSG_DONTWAIT);
  if (received < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) Close(CloseReason::kPeer);
    return;
  }
  if (received == 0) {
    ended_ = true;  // it may still want the answers to what it has asked
    return;
  }
  heard_ = true;
  shared_.turn.CountOctets(static_cast<std::size_t>(received));
  const Bytes octets(shared_.read.data(), static_cast<std::size_t>(received));
  secure_ ? TakeWire(octets) : Take(octets);
}

void TcpConnection::TakeWire(Bytes wire) {
  if (handshaking_) shared_.turn.CountHandshake();
  shared_.plain.clear();
  shared_.wire.clear();
  const SecureStream::State state = secure_->Receive(wire, shared_.plain, shared_.wire);
  Write(shared_.wire);
  if (closed_) return;
  if (handshaking_) CountHandshake(state);
  if (state == SecureStream::State::kFailed) return Close(CloseReason::kTls);
  if (state == SecureStream::State::kEnded) ended_ = true;
  handshaking_ = state == SecureStream::State::kHandshake;
  if (!shared_.plain.empty()) Take(shared_.plain);
}

void TcpConnection::CountHandshake(SecureStream::State state) {
  if (state == SecureStream::State::kHandshake) return;
  HandshakeResult result = HandshakeResult::kFailed;
  if (state != SecureStream::State::kFailed) {
    result = secure_->Resumed() ? HandshakeResult::kResumed : HandshakeResult::kFull;
  }
  ++shared_.counters.tls_handshakes[static_cast<std::size_t>(result)];
}

void TcpConnection::Take(Bytes plain) {
  processing_ = true;
  shared_.batch.clear();
  ReplyTo from;
  from.transport = secure_ ? Transport::kTls : Transport::kTcp;
  from.client = client_;
  from.connection = id_;
  const Instant received = shared_.loop.Now();
  framer_.Begin(plain);
  while (!closed_ && MayRead()) {
    const auto message = framer_.Next();
    if (!message) break;
    took_ = active_ = true;
    ++unanswered_;
    owner_.OnTcpMessage(*message, from, received);
  }
  framer_.End();
  processing_ = false;
  if (closed_) return;
  SendBatch();
  if (closed_) return;
  if (framer_.broken()) return Close(CloseReason::kFraming);
  if (unanswered_ >= shared_.limits.unanswered_max) ++shared_.counters.tcp_paused;
}

SendOutcome TcpConnection::Send(Bytes message) {
  if (unanswered_ > 0) --unanswered_;
  return SendPart(message);
}

SendOutcome TcpConnection::SendPart(Bytes message) {
  if (closed_) return SendOutcome::kLost;
  const std::size_t collected = processing_ ? shared_.batch.size() : 0;
  if (unsent() + collected + kLengthSize + message.size() > shared_.limits.unsent_max) {
    Close(CloseReason::kWriteOverflow);
    return SendOutcome::kLost;
  }
  active_ = true;
  if (processing_) {
    AppendFramed(shared_.batch, message);
    if (shared_.batch.size() >= TcpShared::kBatchMax) SendBatch();
  } else {
    shared_.frame.clear();
    AppendFramed(shared_.frame, message);
    Transmit(shared_.frame);
    Update();
  }
  return closed_ ? SendOutcome::kLost : SendOutcome::kSent;
}

void TcpConnection::Settle() {
  if (unanswered_ > 0) --unanswered_;
  if (!closed_ && !processing_) Update();
}

void TcpConnection::SendBatch() {
  Transmit(shared_.batch);
  shared_.batch.clear();
}

void TcpConnection::Transmit(Bytes plain) {
  if (plain.empty() || !secure_) return Write(plain);
  shared_.wire.clear();
  if (!secure_->Send(plain, shared_.wire)) return Close(CloseReason::kTls);
  Write(shared_.wire);
}

void TcpConnection::Write(Bytes wire) {
  if (wire.empty()) return;
  // What is kept goes first; the socket says when it has room.
  const std::size_t pushed = unsent() > 0 ? 0 : Push(wire);
  if (closed_ || pushed == wire.size()) return;
  output_.insert(output_.end(), wire.begin() + static_cast<std::ptrdiff_t>(pushed), wire.end());
}

std::size_t TcpConnection::Push(Bytes wire) {
  std::size_t pushed = 0;
  while (pushed < wire.size()) {
    const ssize_t count = send(fd_.get(), wire.data() + pushed, wire.size() - pushed,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) Close(CloseReason::kPeer);
      break;
    }
    pushed += static_cast<std::size_t>(count);
  }
  return pushed;
}

void TcpConnection::Drain() {
  const std::size_t pushed = Push(Bytes(output_).subspan(sent_));
  if (closed_ || pushed == 0) return;
  drained_ = true;
  sent_ += pushed;
  if (unsent() == 0) {
    std::vector<std::uint8_t>().swap(output_);
    sent_ = 0;
  } else if (sent_ >= TcpShared::kBatchMax) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
  }
}

bool TcpConnection::IsIdle() const {
  return unanswered_ == 0 && unsent() == 0 && !framer_.pending();
}

TcpWait TcpConnection::NextWait() const {
  const bool may_read = MayRead();
  if (may_read && framer_.ready()) return TcpWait::kResume;
  if (ended_) return TcpWait::kNone;  // it has nothing more to say, and waits for us
  if (!heard_) return TcpWait::kFirstOctet;
  if (handshaking_) return TcpWait::kHandshake;
  // While we do not read, a message that does not arrive is not the peer's fault.
  if (!may_read) return TcpWait::kNone;
  if (framer_.pending() || (secure_ && secure_->InRecord())) return TcpWait::kMessage;
  return IsIdle() ? TcpWait::kIdle : TcpWait::kNone;
}

void TcpConnection::UpdateWaits() {
  const TcpWait next = NextWait();
  // A message that is whole ends the time of that message, an answer only that of being idle.
  const bool anew = (next == TcpWait::kIdle && active_) || (next == TcpWait::kMessage && took_);
  if (next == TcpWait::kNone) {
    shared_.waits.End(waits_);
  } else if (next != waits_.what || anew) {
    shared_.waits.Begin(waits_, next);
  }
  if (unsent() == 0) {
    shared_.waits.End(stalls_);
  } else if (stalls_.what == TcpWait::kNone || drained_) {
    shared_.waits.Begin(stalls_, TcpWait::kStall);
  }
  took_ = active_ = drained_ = false;
}

void TcpConnection::Update() {
  if (closed_) return;
  const bool resumes = framer_.ready();
  if (ended_ && unanswered_ == 0 && unsent() == 0 && !resumes) return Close(CloseReason::kPeer);
  using Interest = FdWatcher::Interest;
  const bool reads = !ended_ && !resumes && MayRead();
  Interest interest = unsent() > 0 ? Interest::kDrain : Interest::kNone;
  if (reads) interest = unsent() > 0 ? Interest::kReadWrite : Interest::kRead;
  if (interest != interest_) watcher_->Watch(interest);
  interest_ = interest;
  UpdateWaits();
}

void TcpConnection::Close(CloseReason reason) {
  if (closed_) return;
  closed_ = true;
  shared_.waits.End(waits_);
  shared_.waits.End(stalls_);
  if (secure_ && unsent() == 0) {
    // So that the peer knows that nothing was cut off; without room, it learns of the end from TCP.
    std::vector<std::uint8_t> farewell;
    secure_->End(farewell);
    (void)send(fd_.get(), farewell.data(), farewell.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  watcher_.reset();
  fd_.Reset();
  owner_.OnTcpClosed(*this, reason);
}

}  // namespace summon::dns
