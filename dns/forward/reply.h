// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading what comes back from an upstream server, or from somebody who says so.
//
// Pure: octets in, a checked Reply or the reason why it is none out; no allocation. Nothing of a
// reply is kept or passed on that has not been through here. What is kept of a reply are its
// question, answer and authority sections: additional records are never asked for, so nobody may
// put them into a cache.

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns::forward {

// Why a message is not the reply to the question that was asked.
enum class Forgery : std::uint8_t {
  kMalformed,      // no message of DNS, or one that lies about itself
  kNotResponse,    // a query, or another opcode
  kWrongId,        // not the id that was asked with
  kWrongQuestion,  // another question, or none
  kWrongCase,      // the right question, but not in the letters that it was asked in
  kOffTopic,       // holds records of names that the question does not lead to
};
inline constexpr std::size_t kForgeryCount = 6;
// "malformed", "not_response", "wrong_id", "wrong_question", "wrong_case", "off_topic".
std::string_view ForgeryText(Forgery forgery);

// What was asked, as it was on the wire.
struct Expected {
  std::uint16_t id = 0;
  Name name;
  RrType type{};
  bool exact_case = true;
};

struct Reply {
  Rcode rcode = Rcode::kNoError;  // with the upper bits of OPT
  bool truncated = false;
  bool authentic_data = false;
  bool has_edns = false;
  std::optional<std::uint16_t> extended_error;  // the first one's code (RFC 8914)
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::size_t records_at = 0;   // where the answer section begins
  std::size_t records_end = 0;  // where the authority section ends; what follows is not kept
  // "There is none": NXDOMAIN, or nothing of the type at the end of the aliases.
  bool negative = false;
  // How long all of it may be kept, in seconds, as the records say: the least TTL; for a negative
  // answer also SOA's (RFC 2308 section 5). Nothing when it may not be kept at all.
  std::optional<std::uint32_t> ttl;
  // An address record, or a hint of SVCB or HTTPS, leads into a network that is not public.
  bool private_address = false;
};

using ReplyVerdict = std::variant<Reply, Forgery>;

// Bounds the work for one reply. A reply that passes them counts as malformed.
inline constexpr std::size_t kReplyRecordsMax = 4'096;
inline constexpr std::size_t kAliasesMax = 16;

ReplyVerdict ParseReply(Bytes message, const Expected& expected);

// Calls `place(offset)` for the TTL of each record of `records` (the answer and authority sections
// of a reply that was parsed), at its offset in `message`.
template <typename Place>
void ForEachTtl(Bytes message, const Reply& reply, const Place& place);

// Loopback, private, link-local and shared addresses: what no name of the public DNS leads to.
bool IsPrivateAddress(Bytes address);  // 4 or 16 octets

// --- what follows is for ForEachTtl only ---

// The end of the (possibly compressed) name at `at`, in a message that was parsed.
inline std::size_t SkipParsedName(Bytes message, std::size_t at) {
  constexpr std::uint8_t kPointerBits = 0xc0;
  while (message[at] != 0) {
    if ((message[at] & kPointerBits) != 0) return at + 2;
    at += 1 + std::size_t{message[at]};
  }
  return at + 1;
}

template <typename Place>
void ForEachTtl(Bytes message, const Reply& reply, const Place& place) {
  constexpr std::size_t kTtlAfterName = 4;     // type and class
  constexpr std::size_t kLengthAfterName = 8;  // and TTL
  const std::size_t count = std::size_t{reply.answers} + reply.authorities;
  std::size_t at = reply.records_at;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t fixed = SkipParsedName(message, at);
    place(fixed + kTtlAfterName);
    const std::size_t length = static_cast<std::size_t>(message[fixed + kLengthAfterName]) << 8 |
                               message[fixed + kLengthAfterName + 1];
    at = fixed + kLengthAfterName + 2 + length;
  }
}

}  // namespace summon::dns::forward
