// SPDX-License-Identifier: Apache-2.0
#pragma once
// TCP listeners, plain and encrypted, and the connections that came from them, within their limits.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/counters.h"
#include "dns/handshake_budget.h"
#include "dns/responder.h"
#include "dns/tcp_connection.h"
#include "dns/tcp_limits.h"
#include "dns/tcp_shared.h"

namespace summon::dns {

class TcpServer final : private TcpConnectionOwner {
 public:
  // Connections taken in one turn of the loop.
  static constexpr int kAcceptBatchMax = 32;
  // How long accepting rests when there is no descriptor or memory for another connection: the
  // listener stays readable all the while, and must not spin.
  static constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

  using OnMessage =
      std::function<void(Bytes message, const ReplyTo& from, Instant received)>;

  // `loop` and `counters` outlive the server.
  TcpServer(Loop& loop, const TcpLimits& limits, Counters& counters, OnMessage on_message);
  ~TcpServer() override;

  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  // With `secure`, which outlives the server, its connections are encrypted. The address that was
  // bound, with the port that the system chose.
  // Errors: those of ListenSocket.
  Result<Endpoint> Listen(const Endpoint& endpoint, SecureStreamSource* secure = nullptr);

  // Sends an answer on the connection; kLost when it is gone.
  SendOutcome Send(std::uint64_t connection, Bytes message);
  // One message of an answer of several, Settle() behind the last; kLost when it is gone.
  SendOutcome SendPart(std::uint64_t connection, Bytes message);
  // Octets that its client has not read yet; nothing when it is gone.
  std::optional<std::size_t> Backlog(std::uint64_t connection) const;
  // A query of the connection will have no answer, or no further part of one.
  void Settle(std::uint64_t connection);

 private:
  struct Listener {
    UniqueFd fd;
    SecureStreamSource* secure;
    std::unique_ptr<FdWatcher> watcher;
  };

  void AcceptBatch(const Listener& listener);
  // False when accepting should stop for this turn.
  bool AcceptOne(const Listener& listener);
  void Admit(UniqueFd fd, const Endpoint& client, SecureStreamSource* secure);
  // Why there is no room for another connection of `client`; makes room if it can.
  std::optional<TcpRefusal> RefusalFor(const Endpoint& client, bool secure);
  // Closes the connection that has been idle longest; false when none is idle.
  bool EvictIdle();
  void PauseAccepting();
  void ResumeAccepting();
  void CountOpen();

  void OnTcpMessage(Bytes message, const ReplyTo& from, Instant received) override;
  void OnTcpClosed(TcpConnection& connection, CloseReason reason) override;

  Loop& loop_;
  Counters& counters_;
  const OnMessage on_message_;
  TcpShared shared_;
  HandshakeBudget handshakes_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<TcpConnection>> connections_;
  std::map<Endpoint, std::size_t> per_prefix_;
  std::vector<std::unique_ptr<TcpConnection>> closed_;  // destroyed in the next turn
  std::uint64_t last_id_ = 0;
  Timer resume_;
  Timer sweep_;
};

}  // namespace summon::dns
