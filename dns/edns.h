// SPDX-License-Identifier: Apache-2.0
#pragma once
// EDNS: what the OPT record of a query says, and what that of its answer says (RFC 6891).
//
// Pure: octets in, values out, and the way back. Whether a cookie is good needs a secret and the
// time: dns/cookie.h. Unknown options and flags mean nothing to us and are passed over.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "dns/types.h"

namespace summon::dns {

// What a query's cookie proves about its sender (RFC 7873 section 5.2). kValid: it has received an
// answer of ours at the address that it asks from, within the last hour.
enum class CookieState : std::uint8_t {
  kNone,        // no cookie
  kClientOnly,  // the client's own cookie, but none that we gave it
  kValid,       // a cookie that we gave to this address
  kBad,         // one that we did not give, or not to this address, or too long ago
};
inline constexpr std::size_t kCookieStateCount = 4;
// "none", "client_only", "valid", "bad".
std::string_view CookieStateText(CookieState state);

inline constexpr std::size_t kClientCookieSize = 8;      // RFC 7873 section 4
inline constexpr std::size_t kServerCookieMin = 8;       // RFC 7873 section 4
inline constexpr std::size_t kServerCookieMax = 32;      // RFC 7873 section 4
inline constexpr std::size_t kOurServerCookieSize = 16;  // RFC 9018 section 4

using ClientCookie = std::array<std::uint8_t, kClientCookieSize>;
using ServerCookie = std::array<std::uint8_t, kOurServerCookieSize>;

// What a query brought, as it came. A server cookie of another size than ours is never valid, so
// no more than ours is kept.
struct Cookie {
  ClientCookie client{};
  ServerCookie server{};
  std::uint8_t server_size = 0;  // as sent; 0 for none
};

// Whom a resolver says that it asks for (RFC 7871 section 6). Anybody can write anything there: it
// is good for a log and for nothing else.
struct ClientSubnet {
  enum class Family : std::uint16_t { kNone = 0, kIpv4 = 1, kIpv6 = 2 };
  Family family = Family::kNone;
  std::uint8_t prefix_length = 0;
  std::array<std::uint8_t, 16> address{};  // zero beyond the prefix
};

// What an OPT record said (RFC 6891 section 6.1).
struct Edns {
  std::uint16_t udp_size = 0;  // as sent; ResponseLimit() bounds it
  std::uint8_t version = 0;
  bool dnssec_ok = false;
  bool compact_ok = false;        // RFC 9824 section 5.1
  bool nsid_wanted = false;       // RFC 5001
  bool padding_wanted = false;    // RFC 7830; heard over an encrypted transport only
  bool keepalive_wanted = false;  // RFC 7828; heard over a stream only
  CookieState cookie_state = CookieState::kNone;  // the parser gives kNone or kClientOnly or kBad
  std::optional<Cookie> cookie;
  std::optional<ClientSubnet> client_subnet;
};

// Why the options of a query cannot be taken: each is FORMERR.
enum class OptionFault : std::uint8_t { kForm, kCookie, kClientSubnet };

// Reads the options of an OPT record, of which the first of a kind counts, into `edns`; nothing
// when all is well. `cookie_state` becomes kClientOnly, or kBad until somebody says kValid.
std::optional<OptionFault> ReadOptions(Bytes rdata, Edns& edns);

// RFC 8914. `text` is for people; it is left out when there is no room.
struct ExtendedError {
  EdeCode code = EdeCode::kOther;
  std::string_view text;

  static constexpr std::size_t kTextMax = 200;  // longer text is cut: an answer is no log file
};

// A name of this very server, told to who asks for it (RFC 5001): octets, often text.
struct Nsid {
  static constexpr std::size_t kSizeMax = 64;  // answers must have room for data
  std::uint8_t size = 0;                       // 0: none is told
  std::array<std::uint8_t, kSizeMax> octets{};

  // Nothing when the text is too long.
  static std::optional<Nsid> FromText(std::string_view text);
  Bytes bytes() const { return Bytes(octets.data(), size); }
};

// How this server speaks EDNS; by configuration.
struct EdnsPolicy {
  // The most that an answer over UDP has, whatever the asker offers. kUdpSizeMin..kUdpSizeMax.
  std::uint16_t udp_size = kUdpSizeDefault;
  Nsid nsid;
};

// What the server adds to an answer's OPT beyond what the query asks and the answer says. Made when
// the query comes, and kept with it.
struct EdnsReply {
  std::uint16_t udp_size = kUdpSizeDefault;  // EdnsPolicy::udp_size
  std::uint16_t keepalive = 0;               // in units of 100 ms (RFC 7828 section 3.1)
  bool has_cookie = false;
  ServerCookie cookie{};
  Nsid nsid;  // only when it is wanted
};

// The OPT record of an answer.
struct OptContent {
  const Edns& asked;
  const EdnsReply& reply;
  Rcode rcode = Rcode::kNoError;
  std::optional<ExtendedError> error;
  bool compact = false;      // speaks of compact denials, which was asked for
  std::size_t before = 0;  // octets of the message in front of OPT, for padding
  bool encrypted = false;  // pads, when that is wanted (RFC 7830 section 6)
};

// Octets that the record has at least; extended error and padding come on top as far as there is
// room. At most kOptSizeMax.
std::size_t OptSize(const Edns& asked, const EdnsReply& reply);
inline constexpr std::size_t kOptHeadSize = 11;
inline constexpr std::size_t kOptionHeadSize = 4;
inline constexpr std::size_t kOptSizeMax = kOptHeadSize + 3 * kOptionHeadSize + kClientCookieSize +
                                           kOurServerCookieSize + Nsid::kSizeMax + 2;

// Answers over encrypted transport come in blocks of this (RFC 8467 section 4.1).
inline constexpr std::size_t kPaddingBlock = 468;

// Writes the record into `space`, which has at least OptSize() octets; returns its size.
std::size_t WriteOpt(std::span<std::uint8_t> space, const OptContent& content);

}  // namespace summon::dns
