// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading queries: bytes from the network in, a checked Query or a verdict out.
//
// Pure: no I/O, no allocation, no state. Past this parser only checked values travel, and nothing
// refers to the packet any more.

#include <cstdint>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "base/clock.h"
#include "dns/edns.h"
#include "dns/endpoint.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

// How and when a packet came.
struct Arrival {
  Transport transport = Transport::kUdp;
  Endpoint client;
  Instant received{};
};

// One well-formed question of opcode QUERY. A value: it may be kept for as long as the answer
// takes, and holds all that an answer needs.
struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  bool authentic_data = false;
  bool checking_disabled = false;
  Name name;  // in the case it was asked
  RrType type{};
  RrClass rr_class{};
  std::optional<Edns> edns;
  // For IXFR: the serial of what the asker has (RFC 1995 section 3).
  std::optional<std::uint32_t> held_serial;
  EdnsReply reply;  // what the answer's OPT says besides; no matter without `edns`

  Transport transport = Transport::kUdp;
  Endpoint client;
  Instant received{};

  // What the query proves about its sender; kNone without EDNS.
  CookieState cookie_state() const { return edns ? edns->cookie_state : CookieState::kNone; }
  bool dnssec_ok() const { return edns && edns->dnssec_ok; }
  // NXDOMAIN may come with a compact denial (RFC 9824 section 5.1).
  bool compact_ok() const { return dnssec_ok() && edns->compact_ok; }
};

// Why a message is answered without anybody looking its name up.
enum class RejectReason : std::uint8_t {
  kOpcode,         // NOTIMP: we answer questions only
  kQuestionCount,  // not one question
  kQuestion,       // its name is malformed, or it ends early
  kRecord,         // a record is malformed or ends early, or the counts lie
  kTrailing,       // octets after the last record
  kOptPlace,       // OPT outside of the additional section, or after TSIG
  kOptTwice,       // a second OPT
  kOptOwner,       // an OPT whose owner is not the root
  kOptions,        // options that do not fill their record
  kCookie,         // a cookie of an impossible size
  kClientSubnet,   // a malformed client subnet
  kVersion,        // BADVERS: EDNS of a version that does not exist yet
  kQuestionType,   // a type that nobody can ask for
  kTsigPlace,      // TSIG that is not the last record
  kSigned,         // NOTAUTH: signed with a key that we do not share
  kCookieOnly,     // no error: asks for nothing but a cookie (RFC 7873 section 5.4)
};
inline constexpr std::size_t kRejectReasonCount = 16;

// A message that gets an answer without anybody looking its name up: a malformed one, or one that
// asks for what we do not do.
struct Rejection {
  RejectReason reason = RejectReason::kQuestion;
  Rcode rcode = Rcode::kFormErr;
  std::uint8_t opcode = 0;
  bool has_question = false;  // `query` holds the name, type and class
  std::optional<ExtendedError> extended_error;
  Query query;                // as far as it could be read
};

enum class DropReason : std::uint8_t {
  kTooShort,    // no header: there is nothing to answer
  kResponse,    // QR is set: an answer to an answer makes a loop
  kSourcePort,  // a port that no client has: echo, chargen and the like, or none
  kOwnAddress,  // claims to come from this very socket
};
inline constexpr std::size_t kDropReasonCount = 4;

struct Dropped {
  DropReason reason{};
};

using Verdict = std::variant<Query, Rejection, Dropped>;

// Reads one message. Every section is read to its end: counts that lie, forward or looping
// compression pointers, names over 255 octets, a second or misplaced OPT, and octets after the
// last record are FORMERR. A cookie is kBad or kClientOnly yet: see CookieJar.
Verdict ParseQuery(Bytes packet, const Arrival& arrival);

// Reads a name that may be compressed. On success the reader stands after the name, else nothing
// is promised about its position. Pointers must lead backward, and past the header.
std::optional<Name> ReadName(ByteReader& reader);

// The largest answer that the asker can take: 65535 over a stream; over UDP what EDNS offers, at
// least 512 and at most what our policy says; 512 without EDNS.
std::size_t ResponseLimit(const Query& query);

}  // namespace summon::dns
