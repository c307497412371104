// SPDX-License-Identifier: Apache-2.0
#pragma once
// One TCP connection: pipelined queries in, answers out in whatever order they come.
//
// Reading stops while too much is unanswered or unread by the peer, so a client can hold no more
// of our memory than TcpLimits says. Every state in which it may wait has a deadline.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/counters.h"
#include "dns/responder.h"
#include "dns/tcp_framer.h"
#include "dns/tcp_limits.h"

namespace summon::dns {

class TcpConnection;

// What a connection belongs to. It outlives the connection.
class TcpConnectionOwner {
 public:
  virtual ~TcpConnectionOwner() = default;
  virtual void OnTcpMessage(Bytes message, const ReplyTo& from) = 0;
  // The connection has closed itself. The owner must destroy it, but not during this call.
  virtual void OnTcpClosed(TcpConnection& connection, CloseReason reason) = 0;
  // More connections than three quarters of the limit.
  virtual bool TcpCrowded() const = 0;
};

class TcpConnection final {
 public:
  struct Peer {
    std::uint64_t id = 0;
    Endpoint client;
  };

  static Result<std::unique_ptr<TcpConnection>> Create(Loop& loop, UniqueFd fd, const Peer& peer,
                                                       const TcpLimits& limits,
                                                       TcpConnectionOwner& owner);
  ~TcpConnection();

  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  std::uint64_t id() const { return peer_.id; }
  const Endpoint& client() const { return peer_.client; }

  // Queues the answer to one of this connection's queries, and sends what can be sent.
  SendOutcome Send(Bytes message);
  // One of its queries will have no answer.
  void Settle();
  // Nothing is asked, arriving, or on its way out.
  bool IsIdle() const;
  Instant idle_since() const { return active_at_; }
  // Closes at once. Without effect when it is closed.
  void Close(CloseReason reason);

 private:
  // Read in one turn of the loop, so that one connection does not starve the others.
  static constexpr std::size_t kReadMax = 16 * 1024;
  // Answers are collected up to this size while a batch of queries is worked off.
  static constexpr std::size_t kFlushAt = 64 * 1024;

  TcpConnection(Loop& loop, UniqueFd fd, const Peer& peer, const TcpLimits& limits,
                TcpConnectionOwner& owner);

  void OnReady(FdWatcher::Ready ready);
  void OnTimer();
  void ReadSome();
  void Process();
  void Flush();
  // After anything has changed: what to wait for, and until when.
  void Update();
  bool MayRead() const;
  std::size_t unsent() const { return output_.size() - sent_; }

  struct Deadline {
    Instant at = kNever;
    CloseReason reason = CloseReason::kIdle;
  };
  Deadline NextDeadline() const;

  Loop& loop_;
  const Peer peer_;
  const TcpLimits limits_;
  TcpConnectionOwner& owner_;
  UniqueFd fd_;
  TcpFramer framer_;
  std::vector<std::uint8_t> output_;  // each answer with its length in front
  std::size_t sent_ = 0;              // of output_
  std::size_t unanswered_ = 0;
  bool heard_ = false;       // an octet has come
  bool ended_ = false;       // the peer sends no more
  bool closed_ = false;
  bool could_read_ = true;   // MayRead() at the last Update()
  bool processing_ = false;  // inside Process(): answers are collected
  Instant accepted_at_;
  Instant active_at_;         // the last octet in or answer out
  Instant message_since_{};   // the first octet of the message that is arriving
  Instant progress_at_{};     // when the peer last took octets
  Instant armed_ = kNever;    // what the timer is set to
  FdWatcher::Interest interest_ = FdWatcher::Interest::kNone;
  std::unique_ptr<FdWatcher> watcher_;
  Timer timer_;
};

}  // namespace summon::dns
