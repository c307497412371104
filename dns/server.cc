// SPDX-License-Identifier: Apache-2.0
// What happens to a message, whichever way it came.
#include "dns/server.h"

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "base/strings.h"
#include "dns/authority.h"
#include "dns/tcp.h"
#include "dns/udp.h"
#include "dns/udp_batch.h"

namespace summon::dns {

namespace {

// A port that the system chose for UDP may be taken for TCP; then another one is tried.
constexpr int kPortTriesMax = 16;

// A datagram that claims to come from the socket that received it.
bool IsFromOurselves(const ReplyTo& from) {
  return from.transport == Transport::kUdp && from.client.family == from.local.family &&
         from.client.octets == from.local.octets && from.client.port == from.local.port;
}

// The idle limit in units of 100 ms (RFC 7828 section 3.1), as far as they go.
std::uint16_t KeepaliveOf(const TcpLimits& limits) {
  const std::int64_t units = limits.idle / std::chrono::milliseconds(100);
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(units, 0, 0xffff));
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Create(Loop& loop, const ServerOptions& options,
                                               Handler& handler) {
  if (options.listen.empty() || options.listen.size() > kListenMax) {
    return Error(ErrorCode::kInvalid, StrCat("start the DNS server: ", options.listen.size(),
                                             " listen addresses; must be 1..", kListenMax));
  }
  std::unique_ptr<Server> server(new Server(loop, handler, options));
  for (const Endpoint& endpoint : options.listen) SUMMON_TRY(server->Listen(endpoint));
  for (const SecureListen& secure : options.listen_secure) {
    server->secure_addresses_.push_back(
        SUMMON_TRY(server->tcp_->Listen(secure.endpoint, secure.source)));
  }
  return server;
}

Server::Server(Loop& loop, Handler& handler, const ServerOptions& options)
    : loop_(loop),
      handler_(handler),
      keepalive_(KeepaliveOf(options.tcp)),
      link_(*this),
      batch_(std::make_unique<UdpBatch>()),
      tcp_(std::make_unique<TcpServer>(
          loop, options.tcp, counters_,
          [this](Bytes message, const ReplyTo& from, Instant received) {
            Receive(message, from, received);
          })) {
  SetManners(options.manners);
  if (options.rate_limit) limiter_.emplace(*options.rate_limit, RandomSipKey());
}

void Server::SetManners(const Manners& manners) {
  manners_ = manners;
  cookies_ = CookieJar(manners.cookies);
}

Server::~Server() { link_.End(); }

Status Server::Listen(const Endpoint& endpoint) {
  Status listened = ListenOnce(endpoint);
  for (int i = 1; i < kPortTriesMax && endpoint.port == 0; ++i) {
    if (listened.ok() || listened.error().code() != ErrorCode::kBusy) break;
    listened = ListenOnce(endpoint);
  }
  return listened;
}

Status Server::ListenOnce(const Endpoint& endpoint) {
  const UdpListener::Options options{endpoint, static_cast<std::uint32_t>(udp_.size())};
  auto udp = SUMMON_TRY(UdpListener::Create(
      {loop_, *batch_, counters_}, options,
      [this](Bytes packet, const ReplyTo& from, Instant received) {
        Receive(packet, from, received);
      }));
  const Endpoint bound = udp->bound();
  SUMMON_TRY(tcp_->Listen(bound));
  addresses_.push_back(bound);
  udp_.push_back(std::move(udp));
  return Ok();
}

std::uint32_t Server::WallSeconds(Instant now) {
  constexpr Duration kSecond = std::chrono::seconds(1);
  if (wall_seconds_ == 0 || now - wall_read_at_ >= kSecond) {
    wall_seconds_ = static_cast<std::uint32_t>(WallNanos() / kSecond.count());
    wall_read_at_ = now;
  }
  return wall_seconds_;
}

void Server::Complete(Query& query) {
  query.reply.udp_size = manners_.edns.udp_size;
  if (!query.edns) return;
  if (query.edns->nsid_wanted) query.reply.nsid = manners_.edns.nsid;
  if (query.edns->keepalive_wanted) query.reply.keepalive = keepalive_;
  if (query.edns->cookie) cookies_.Judge(query, WallSeconds(query.received));
}

void Server::Receive(Bytes packet, const ReplyTo& from, Instant received) {
  const Arrival arrival{from.transport, from.client, received};
  Verdict verdict =
      IsFromOurselves(from) ? Dropped{DropReason::kOwnAddress} : ParseQuery(packet, arrival);
  if (const Dropped* dropped = std::get_if<Dropped>(&verdict)) {
    counters_.CountDrop(dropped->reason, from.transport);
    if (IsStream(from.transport)) tcp_->Settle(from.connection);
  } else if (Rejection* rejection = std::get_if<Rejection>(&verdict)) {
    counters_.CountRejection(*rejection);
    Complete(rejection->query);
    std::array<std::uint8_t, kUdpSpace> space;
    (void)SendReply(from, WriteRejection(*rejection, space));  // a loss has been counted
  } else {
    Query& query = std::get<Query>(verdict);
    Complete(query);
    counters_.CountQuery(query);
    ReplyTo to = from;
    to.proven = query.cookie_state() == CookieState::kValid;
    if (query.rr_class == RrClass::kChaos) {
      std::array<std::uint8_t, kUdpSpace> space;
      const Response response = WriteIdentity(query, manners_.identity, space);
      counters_.CountIdentity(response.rcode, from.transport);
      (void)SendReply(to, response);  // a loss has been counted
    } else {
      handler_.Handle(query, Responder(link_, to));
    }
  }
}

SendOutcome Server::SendReply(const ReplyTo& to, const Response& response) {
  if (!IsStream(to.transport)) {
    return WithinLimit(to, response) ? SendUdp(to, response) : SendOutcome::kLost;
  }
  const SendOutcome outcome = tcp_->Send(to.connection, response.bytes);
  if (outcome == SendOutcome::kSent) {
    counters_.CountResponse(response.rcode, response.truncated);
  } else {
    ++counters_.late;
  }
  return outcome;
}

SendOutcome Server::SendUdp(const ReplyTo& to, const Response& response) {
  const SendOutcome outcome = udp_[to.listener]->Send(to, response.bytes);
  if (outcome == SendOutcome::kSent) {
    counters_.CountResponse(response.rcode, response.truncated);
  }
  return outcome;  // a loss has been counted
}

bool Server::WithinLimit(const ReplyTo& to, const Response& response) {
  if (!limiter_ || to.proven || !limiter_->Limits(to.client)) return true;
  const AnswerClass answer = AnswerClassOf(response);
  const auto index = static_cast<std::size_t>(answer);
  switch (limiter_->Judge(to.client, {answer, response.subject}, loop_.Now())) {
    case RateLimiter::Verdict::kSend: return true;
    case RateLimiter::Verdict::kDrop: ++counters_.limited_dropped[index]; return false;
    case RateLimiter::Verdict::kSlip: break;
  }
  ++counters_.limited_slipped[index];
  std::array<std::uint8_t, kUdpSizeMin> space;
  (void)SendUdp(to, MakeSlip(response, space));  // a loss has been counted
  return false;
}

SendOutcome Server::SendPart(const ReplyTo& to, const Response& response) {
  if (!IsStream(to.transport)) return SendOutcome::kLost;
  return tcp_->SendPart(to.connection, response.bytes);
}

std::optional<std::size_t> Server::Backlog(const ReplyTo& to) const {
  return IsStream(to.transport) ? tcp_->Backlog(to.connection) : std::nullopt;
}

void Server::FinishReply(const ReplyTo& to) {
  counters_.CountResponse(Rcode::kNoError, /*truncated=*/false);
  if (IsStream(to.transport)) tcp_->Settle(to.connection);
}

void Server::AbandonReply(const ReplyTo& to) {
  ++counters_.unanswered;
  if (IsStream(to.transport)) tcp_->Settle(to.connection);
}

}  // namespace summon::dns
