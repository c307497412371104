// SPDX-License-Identifier: Apache-2.0
#pragma once
// The numbers of the DNS protocol that this server knows by name (IANA "Domain Name System
// Parameters"), and how they are written for people.

#include <cstddef>
#include <cstdint>
#include <string>

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
  kAaaa = 28,
  kSrv = 33,
  kNaptr = 35,
  kDname = 39,
  kOpt = 41,
  kDs = 43,
  kRrsig = 46,
  kNsec = 47,
  kDnskey = 48,
  kSvcb = 64,
  kHttps = 65,
  kTkey = 249,
  kTsig = 250,
  kIxfr = 251,
  kAxfr = 252,
  kMailb = 253,
  kMaila = 254,
  kAny = 255,
  kCaa = 257,
};

enum class RrClass : std::uint16_t { kIn = 1, kChaos = 3, kNone = 254, kAny = 255 };

enum class Opcode : std::uint8_t { kQuery = 0, kNotify = 4, kUpdate = 5 };

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
};
inline constexpr std::size_t kRcodeCount = 24;  // RFC 6895 section 2.3, through BADCOOKIE

// Extended errors (RFC 8914 section 4) that we may give.
enum class EdeCode : std::uint16_t {
  kOther = 0,
  kNotReady = 14,
  kBlocked = 15,
  kProhibited = 18,
  kNotAuthoritative = 20,
  kNotSupported = 21,
  kNoReachableAuthority = 22,
  kNetworkError = 23,
};

enum class Transport : std::uint8_t { kUdp, kTcp };

// "A", "AAAA", ...; "TYPE123" for what has no name here (RFC 3597 section 5).
std::string TypeText(RrType type);
// "NOERROR", "SERVFAIL", ...; "RCODE17" for what has no name here.
std::string RcodeText(Rcode rcode);

inline constexpr std::size_t kHeaderSize = 12;           // RFC 1035 section 4.1.1
inline constexpr std::size_t kUdpSizeMin = 512;          // RFC 1035 section 4.2.1
inline constexpr std::size_t kUdpSizeMax = 1232;         // DNS flag day 2020: no fragments
inline constexpr std::size_t kMessageSizeMax = 65'535;   // RFC 1035 section 4.2.2

}  // namespace summon::dns
