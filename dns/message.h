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
#include "dns/endpoint.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

// What an OPT record said (RFC 6891 section 6.1).
struct Edns {
  std::uint16_t udp_size = 0;  // as sent; ResponseLimit() bounds it
  std::uint8_t version = 0;
  bool dnssec_ok = false;
};

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

  Transport transport = Transport::kUdp;
  Endpoint client;
  Instant received{};

  bool dnssec_ok() const { return edns && edns->dnssec_ok; }
};

// A message that gets an answer without anybody looking its name up: a malformed one, or one that
// asks for what we do not do.
struct Rejection {
  Rcode rcode = Rcode::kFormErr;
  std::uint8_t opcode = 0;
  bool has_question = false;  // `query` holds the name, type and class
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
// last record are FORMERR.
Verdict ParseQuery(Bytes packet, const Arrival& arrival);

// Reads a name that may be compressed. On success the reader stands after the name, else nothing
// is promised about its position. Pointers must lead backward, and past the header.
std::optional<Name> ReadName(ByteReader& reader);

// The largest answer that the asker can take: 65535 over TCP; over UDP what EDNS offers, at least
// 512 and at most kUdpSizeMax; 512 without EDNS.
std::size_t ResponseLimit(const Query& query);

}  // namespace summon::dns
