// SPDX-License-Identifier: Apache-2.0
#pragma once
// One TCP connection, plain or encrypted: pipelined queries in, answers out in whatever order they
// come.
//
// Reading stops while too much is unanswered or unread by the peer, so a client can hold no more
// of our memory than TcpLimits says; an idle connection has no buffer at all. Every state in which
// the peer may keep us waiting has a deadline.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/counters.h"
#include "dns/responder.h"
#include "dns/secure_stream.h"
#include "dns/tcp_framer.h"
#include "dns/tcp_shared.h"
#include "dns/tcp_waits.h"

namespace summon::dns {

class TcpConnection;

// What a connection belongs to. It outlives the connection.
class TcpConnectionOwner {
 public:
  virtual ~TcpConnectionOwner() = default;
  virtual void OnTcpMessage(Bytes message, const ReplyTo& from, Instant received) = 0;
  // The connection has closed itself. The owner must destroy it, but not during this call.
  virtual void OnTcpClosed(TcpConnection& connection, CloseReason reason) = 0;
};

class TcpConnection final : private TcpWaiter {
 public:
  struct Peer {
    std::uint64_t id = 0;
    Endpoint client;
    std::unique_ptr<SecureStream> secure;  // null: not encrypted
  };

  // `shared` outlives the connection.
  static Result<std::unique_ptr<TcpConnection>> Create(TcpShared& shared, UniqueFd fd, Peer peer,
                                                       TcpConnectionOwner& owner);
  ~TcpConnection() override;

  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  std::uint64_t id() const { return id_; }
  const Endpoint& client() const { return client_; }

  // Queues the answer to one of this connection's queries, and sends what can be sent.
  SendOutcome Send(Bytes message);
  // The same for one part of an answer; its query stays unanswered.
  SendOutcome SendPart(Bytes message);
  // Octets that the peer has not taken yet.
  std::size_t backlog() const { return unsent(); }
  // One of its queries will have no answer, or no further part of one.
  void Settle();
  // Closes at once. Without effect when it is closed.
  void Close(CloseReason reason);
  // Makes room for a new connection; only for one that waits for its first octet or is idle.
  static void Evict(TcpWaitLink& link);

 private:
  TcpConnection(TcpShared& shared, UniqueFd fd, Peer peer, TcpConnectionOwner& owner);

  void OnReady(FdWatcher::Ready ready);
  void OnDue(TcpWait what) override;
  void ReadSome();
  // Octets from the socket of an encrypted connection.
  void TakeWire(Bytes wire);
  void CountHandshake(SecureStream::State state);
  // Works off the messages in `plain`, and those that were left before.
  void Take(Bytes plain);
  void SendBatch();
  // Sends octets of messages.
  void Transmit(Bytes plain);
  // Sends octets to the socket, or keeps them for when it has room.
  void Write(Bytes wire);
  // How many the socket takes; closes when it is broken.
  std::size_t Push(Bytes wire);
  void Drain();
  // After anything has changed: what to wait for, and until when.
  void Update();
  void UpdateWaits();
  TcpWait NextWait() const;
  bool MayRead() const;
  bool IsIdle() const;
  std::size_t unsent() const { return output_.size() - sent_; }

  TcpShared& shared_;
  TcpConnectionOwner& owner_;
  const std::uint64_t id_;
  const Endpoint client_;
  UniqueFd fd_;
  std::unique_ptr<SecureStream> secure_;
  TcpFramer framer_;
  std::vector<std::uint8_t> output_;  // what the socket had no room for
  std::size_t sent_ = 0;              // of output_
  std::size_t unanswered_ = 0;
  bool handshaking_;
  bool heard_ = false;       // an octet has come
  bool ended_ = false;       // the peer sends no more
  bool closed_ = false;
  bool processing_ = false;  // inside Take(): answers are collected
  bool took_ = false;        // a message, since the last UpdateWaits()
  bool active_ = false;      // took one or answered one, likewise
  bool drained_ = false;     // the peer took octets, likewise
  FdWatcher::Interest interest_ = FdWatcher::Interest::kNone;
  TcpWaitLink waits_{*this};   // for the peer to say something
  TcpWaitLink stalls_{*this};  // for the peer to read something
  std::unique_ptr<FdWatcher> watcher_;
};

}  // namespace summon::dns
