// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a query and the zone table to the complete answer.
//
// Resolve() says what the answer would be without writing it, so that a handler can see that the
// name belongs to a service and decide about lifetime or waiting; WriteAnswer() writes it. Both
// see only the table: an answer is the same whoever asks.

#include <cstdint>
#include <optional>
#include <span>

#include "dns/message.h"
#include "dns/response.h"
#include "dns/signer.h"
#include "dns/zone.h"

namespace summon::dns {

// Space that is enough for any answer over the transport.
inline constexpr std::size_t kUdpSpace = kUdpSizeMax;
inline constexpr std::size_t kTcpSpace = kMessageSizeMax;

// What WriteAnswer() would say.
struct Resolution {
  enum class Kind : std::uint8_t {
    kRecords,    // records of the type asked for
    kNoData,     // the name exists, the type does not (an alias that leads out of our zones too)
    kNxDomain,   // the name does not exist
    kReferral,   // delegated to another server
    kRefused,    // not our zone, not class IN, or a transfer
  };
  Kind kind = Kind::kRefused;
  // Who owns the name that was asked for, or the name that its aliases lead to; also for kNoData,
  // so that an HTTPS query for a service's name can be seen as such. kStatic when nobody.
  OwnerTag owner = kStatic;
  // What the table said, when no alias had to be followed.
  std::optional<Lookup> direct;
};

Resolution Resolve(const ZoneTable& table, const Query& query);

struct AnswerOptions {
  // For A and AAAA records of names that have an owner, in place of the TTL in the table.
  std::optional<std::uint32_t> owned_ttl;
  std::optional<ExtendedError> extended_error;
  // Signs what comes from zones with keys, for who wants it. Null: nothing is signed.
  Signer* signer = nullptr;
};

// The answer from the table. `space` has kUdpSpace or kTcpSpace octets, by the query's transport
// (smaller space truncates earlier); the response lies in it.
Response WriteAnswer(const ZoneTable& table, const Query& query, const AnswerOptions& options,
                     std::span<std::uint8_t> space);
// The same for who has the resolution of this query from this table already: saves a look-up.
Response WriteAnswer(const ZoneTable& table, const Query& query, const Resolution& resolution,
                     const AnswerOptions& options, std::span<std::uint8_t> space);

// For rate limiting: tells the name that records come from (of a wildcard, its own), else the zone.
std::uint64_t SubjectOf(const Lookup& lookup);

// An answer without any record, such as SERVFAIL with the reason as an extended error.
struct ErrorAnswer {
  Rcode rcode = Rcode::kServFail;
  std::optional<ExtendedError> extended_error;
};
Response WriteError(const Query& query, const ErrorAnswer& error, std::span<std::uint8_t> space);

// The answer to a message that the parser rejected.
Response WriteRejection(const Rejection& rejection, std::span<std::uint8_t> space);

}  // namespace summon::dns
