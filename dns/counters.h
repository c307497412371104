// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the server counted. Plain numbers that only grow, read by whoever exposes metrics.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dns/message.h"
#include "dns/rate_limit.h"
#include "dns/types.h"

namespace summon::dns {

// Types are counted by name where that tells something; the rest together, so that a client cannot
// make the metrics grow.
enum class CountedType : std::uint8_t {
  kA, kAaaa, kHttps, kSvcb, kSrv, kTxt, kMx, kNs, kSoa, kCname, kPtr, kDs, kDnskey, kAny, kOther
};
inline constexpr std::size_t kCountedTypes = 15;
CountedType CountedTypeOf(RrType type);
// "A", "AAAA", ..., "other".
std::string_view CountedTypeText(CountedType type);
// "too_short", "response", "source_port", "own_address".
std::string_view DropReasonText(DropReason reason);
// "opcode", "question_count", ...
std::string_view RejectReasonText(RejectReason reason);

// Why a TCP connection ended.
enum class CloseReason : std::uint8_t {
  kPeer,             // the peer closed it, or it broke
  kIdle,             // nothing was asked for too long
  kFirstOctet,       // it never said anything
  kHandshakeDeadline,  // a TLS handshake took too long
  kMessageDeadline,  // a message took too long to arrive
  kWriteStalled,     // the peer does not read its answers
  kWriteOverflow,    // more unread answers than kept
  kFraming,          // a length that no message can have
  kTls,              // TLS failed: the handshake, or what came after it
  kEvicted,          // made room for a new connection
  kShutdown,         // the server ended
};
inline constexpr std::size_t kCloseReasonCount = 11;
std::string_view CloseReasonText(CloseReason reason);

// Why a TCP connection was closed as soon as it was accepted.
enum class TcpRefusal : std::uint8_t {
  kFull,        // as many as may be, and none of them idle
  kPrefix,      // as many as may be of the client's network
  kHandshakes,  // too many TLS handshakes of the client's network
};
inline constexpr std::size_t kTcpRefusalCount = 3;
std::string_view TcpRefusalText(TcpRefusal reason);

// Messages that the server dealt with by itself, without a handler.
struct SelfAnswered {
  std::uint64_t formerr = 0;
  std::uint64_t notimp = 0;
  std::uint64_t badvers = 0;
  std::uint64_t cookies_only = 0;      // asked for a cookie and nothing else
  std::uint64_t identity = 0;          // class CHAOS, told
  std::uint64_t identity_refused = 0;  // class CHAOS, not told
  std::uint64_t dropped = 0;
};

// What became of TLS handshakes.
enum class HandshakeResult : std::uint8_t { kFull, kResumed, kFailed };
inline constexpr std::size_t kHandshakeResultCount = 3;
std::string_view HandshakeResultText(HandshakeResult result);

struct Counters {
  // By Transport, then CountedType. Well-formed queries only.
  std::array<std::array<std::uint64_t, kCountedTypes>, kTransportCount> queries{};
  // Answers handed to the kernel, by RCODE. Above kRcodeCount - 1: in the last one.
  std::array<std::uint64_t, kRcodeCount> responses{};
  // Messages that got no answer, by DropReason.
  std::array<std::uint64_t, kDropReasonCount> drops{};
  // By Transport.
  std::array<SelfAnswered, kTransportCount> self_answered{};
  // Messages that were answered without a look-up, by RejectReason.
  std::array<std::uint64_t, kRejectReasonCount> rejections{};
  // Well-formed queries, by CookieState.
  std::array<std::uint64_t, kCookieStateCount> cookies{};
  std::uint64_t truncated = 0;   // answers with TC
  std::uint64_t unanswered = 0;  // responders destroyed without an answer
  std::uint64_t late = 0;        // answers to connections that were gone
  std::uint64_t send_failed = 0;     // the kernel would not take a datagram; counted as a response
  std::uint64_t receive_failed = 0;  // unexpected errors of reading a socket
  std::uint64_t receive_overflow = 0;  // datagrams that came faster than they were read
  std::uint64_t tcp_accepted = 0;
  std::array<std::uint64_t, kTcpRefusalCount> tcp_refused{};
  std::uint64_t tcp_accept_failed = 0;  // out of descriptors or memory
  std::array<std::uint64_t, kCloseReasonCount> tcp_closed{};
  std::uint64_t tcp_open = 0;  // now
  std::array<std::uint64_t, kHandshakeResultCount> tls_handshakes{};
  std::uint64_t tcp_paused = 0;  // times that reading stopped: too many queries unanswered
  // Answers over a network's share (rate_limit.h), by AnswerClass: not sent, and sent truncated.
  std::array<std::uint64_t, kAnswerClasses> limited_dropped{};
  std::array<std::uint64_t, kAnswerClasses> limited_slipped{};

  void CountQuery(const Query& query) {
    ++queries[static_cast<std::size_t>(query.transport)]
             [static_cast<std::size_t>(CountedTypeOf(query.type))];
    ++cookies[static_cast<std::size_t>(query.cookie_state())];
  }
  void CountDrop(DropReason reason, Transport transport) {
    ++drops[static_cast<std::size_t>(reason)];
    ++self_answered[static_cast<std::size_t>(transport)].dropped;
  }
  void CountRejection(const Rejection& rejection);
  void CountIdentity(Rcode rcode, Transport transport) {
    SelfAnswered& counts = self_answered[static_cast<std::size_t>(transport)];
    ++(rcode == Rcode::kNoError ? counts.identity : counts.identity_refused);
  }
  void CountResponse(Rcode rcode, bool was_truncated);
};

}  // namespace summon::dns
