// SPDX-License-Identifier: Apache-2.0
#pragma once
// The numbers of the DNS protocol that this server knows by name (IANA "Domain Name System
// Parameters"), and how they are written for people.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace summon::dns {

enum class RrType : std::uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kHinfo = 13,
  kMx = 15,
  kTxt = 16,
  kRp = 17,
  kAfsdb = 18,
  kAaaa = 28,
  kLoc = 29,
  kSrv = 33,
  kNaptr = 35,
  kKx = 36,
  kDname = 39,
  kOpt = 41,
  kDs = 43,
  kSshfp = 44,
  kRrsig = 46,
  kNsec = 47,
  kDnskey = 48,
  kNsec3 = 50,
  kNsec3param = 51,
  kTlsa = 52,
  kSmimea = 53,
  kCds = 59,
  kCdnskey = 60,
  kOpenpgpkey = 61,
  kSvcb = 64,
  kHttps = 65,
  kSpf = 99,
  kNxName = 128,  // "there is no such name", in NSEC records (RFC 9824 section 2)
  kTkey = 249,
  kTsig = 250,
  kIxfr = 251,
  kAxfr = 252,
  kMailb = 253,
  kMaila = 254,
  kAny = 255,
  kUri = 256,
  kCaa = 257,
};

enum class RrClass : std::uint16_t { kIn = 1, kChaos = 3, kNone = 254, kAny = 255 };

enum class Opcode : std::uint8_t {
  kQuery = 0,
  kIquery = 1,   // obsolete (RFC 3425)
  kStatus = 2,   // never defined
  kNotify = 4,   // RFC 1996
  kUpdate = 5,   // RFC 2136
  kStateful = 6  // RFC 8490
};

// Above 15 only with EDNS, which carries the upper bits (RFC 6891 section 6.1.3).
enum class Rcode : std::uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kNotAuth = 9,
  kBadVers = 16,
  kBadCookie = 23,
};
inline constexpr std::size_t kRcodeCount = 24;  // RFC 6895 section 2.3, through BADCOOKIE

// Extended errors (RFC 8914 section 4, with later ones of IANA) that an answer may give, and what
// they mean here.
enum class EdeCode : std::uint16_t {
  kOther = 0,
  kStaleAnswer = 3,
  kNotReady = 14,              // a summon that failed, or that the answer did not wait for
  kBlocked = 15,
  kFiltered = 17,
  kProhibited = 18,            // this asker may not ask, or may not wake
  kStaleNxdomain = 19,
  kNotAuthoritative = 20,      // not our zone, and we ask nobody else
  kNotSupported = 21,          // an opcode, type or class that we do not do
  kNoReachableAuthority = 22,
  kNetworkError = 23,
  kInvalidData = 24,
  kTooEarly = 26,
  kInvalidQueryType = 30,      // a type that nobody can ask for (RFC 9824 section 3.5)
};

// Options of EDNS that we read or write (IANA "DNS EDNS0 Option Codes").
enum class EdnsOption : std::uint16_t {
  kNsid = 3,            // RFC 5001
  kClientSubnet = 8,    // RFC 7871
  kCookie = 10,         // RFC 7873
  kTcpKeepalive = 11,   // RFC 7828
  kPadding = 12,        // RFC 7830
  kExtendedError = 15,  // RFC 8914
};

// How a message travels. What is not UDP is a stream of framed messages on a connection.
enum class Transport : std::uint8_t { kUdp, kTcp, kTls };
inline constexpr std::size_t kTransportCount = 3;
constexpr bool IsStream(Transport transport) { return transport != Transport::kUdp; }

// "A", "AAAA", ...; "TYPE123" for what has no name here (RFC 3597 section 5).
std::string TypeText(RrType type);
// The type of that name, in any case; "TYPE123" too. Nothing when it is none.
std::optional<RrType> ParseType(std::string_view text);
// "NOERROR", "SERVFAIL", ...; "RCODE17" for what has no name here.
std::string RcodeText(Rcode rcode);

inline constexpr std::size_t kHeaderSize = 12;           // RFC 1035 section 4.1.1
inline constexpr std::size_t kUdpSizeMin = 512;          // RFC 1035 section 4.2.1
inline constexpr std::size_t kUdpSizeDefault = 1232;     // DNS flag day 2020: no fragments
inline constexpr std::size_t kUdpSizeMax = 4096;         // more can only be lost fragments
inline constexpr std::size_t kMessageSizeMax = 65'535;   // RFC 1035 section 4.2.2

}  // namespace summon::dns
