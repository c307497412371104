// SPDX-License-Identifier: Apache-2.0
#pragma once
// The DNS server: UDP and TCP listeners on the event loop.
//
// It reads messages, answers by itself what needs no thought (malformed messages, opcodes and
// versions that we do not speak), and hands each well-formed query to the Handler together with a
// Responder, which may answer at once or later.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/loop/loop.h"
#include "base/result.h"
#include "dns/chaos.h"
#include "dns/cookie.h"
#include "dns/counters.h"
#include "dns/endpoint.h"
#include "dns/message.h"
#include "dns/rate_limit.h"
#include "dns/responder.h"
#include "dns/secure_stream.h"
#include "dns/tcp_limits.h"

namespace summon::dns {

class Handler {
 public:
  virtual ~Handler() = default;
  // Answers `query` through `responder`, now or later. The query is only valid during the call:
  // copy it to keep it. Must not destroy the server.
  virtual void Handle(const Query& query, Responder responder) = 0;
};

// How the server speaks, whatever is asked. May change while it runs.
struct Manners {
  EdnsPolicy edns;
  CookieSecrets cookies;  // none: cookies are not spoken
  ServerIdentity identity;
};

// An address for TLS, and what its connections are encrypted by, which outlives the server.
struct SecureListen {
  Endpoint endpoint;
  SecureStreamSource* source = nullptr;
};

struct ServerOptions {
  // Each gets UDP and TCP. The unspecified addresses 0.0.0.0 and [::] listen on all addresses of
  // their family; answers leave from the address that was asked.
  std::vector<Endpoint> listen;
  std::vector<SecureListen> listen_secure;  // TLS (RFC 7858)
  TcpLimits tcp;
  std::optional<RateLimitOptions> rate_limit;  // of answers over UDP; else there is no limit
  Manners manners;
};

class UdpBatch;
class UdpListener;
class TcpServer;

class Server final : private ReplyPath {
 public:
  // Bounds descriptors and the buffers of listeners.
  static constexpr std::size_t kListenMax = 64;

  // Binds all addresses, or none. `handler` and `loop` outlive the server.
  // Errors: kBusy when a port is in use, kPermission for a port below 1024 without the right to,
  // kNotFound when the address is not on this machine (each with the address and how to mend it);
  // kInvalid for no or too many addresses.
  static Result<std::unique_ptr<Server>> Create(Loop& loop, const ServerOptions& options,
                                                Handler& handler);
  ~Server() override;  // closes everything; responders that are still out become void

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // For the queries that come from now on.
  void SetManners(const Manners& manners);

  const Counters& counters() const { return counters_; }
  // Where it listens, in the order of the options, with the ports that the system chose.
  const std::vector<Endpoint>& addresses() const { return addresses_; }
  // The same for TLS.
  const std::vector<Endpoint>& secure_addresses() const { return secure_addresses_; }

 private:
  Server(Loop& loop, Handler& handler, const ServerOptions& options);

  Status Listen(const Endpoint& endpoint);
  Status ListenOnce(const Endpoint& endpoint);
  SendOutcome SendReply(const ReplyTo& to, const Response& response) override;
  void AbandonReply(const ReplyTo& to) override;
  SendOutcome SendPart(const ReplyTo& to, const Response& response) override;
  std::optional<std::size_t> Backlog(const ReplyTo& to) const override;
  void FinishReply(const ReplyTo& to) override;
  // Whether the answer may go out in full; else it has been dealt with.
  bool WithinLimit(const ReplyTo& to, const Response& response);
  SendOutcome SendUdp(const ReplyTo& to, const Response& response);
  // One message, from either transport.
  void Receive(Bytes packet, const ReplyTo& from, Instant received);
  // Fills in what the answer's OPT says besides.
  void Complete(Query& query);
  std::uint32_t WallSeconds(Instant now);

  Loop& loop_;
  Handler& handler_;
  Manners manners_;
  CookieJar cookies_;
  const std::uint16_t keepalive_;  // as RFC 7828 writes it
  // The wall clock, read once a second.
  std::uint32_t wall_seconds_ = 0;
  Instant wall_read_at_{};
  Counters counters_;
  std::vector<Endpoint> addresses_;
  std::vector<Endpoint> secure_addresses_;
  std::optional<RateLimiter> limiter_;
  ReplyLink link_;
  std::unique_ptr<UdpBatch> batch_;  // of all UDP listeners
  std::vector<std::unique_ptr<UdpListener>> udp_;
  std::unique_ptr<TcpServer> tcp_;
};

}  // namespace summon::dns
