// SPDX-License-Identifier: Apache-2.0
// Making and judging server cookies.
#include "dns/cookie.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace summon::dns {

namespace {

constexpr std::uint8_t kVersion = 1;  // RFC 9018 section 4.1
constexpr std::size_t kHeadSize = 8;  // version, reserved, timestamp
constexpr std::size_t kTimeAt = 4;
constexpr std::size_t kHexDigits = 32;

std::uint32_t TimeOf(const ServerCookie& cookie) {
  return static_cast<std::uint32_t>(cookie[kTimeAt]) << 24 |
         static_cast<std::uint32_t>(cookie[kTimeAt + 1]) << 16 |
         static_cast<std::uint32_t>(cookie[kTimeAt + 2]) << 8 | cookie[kTimeAt + 3];
}

// Writes the hash behind the head of `server`, over client cookie, head and address (RFC 9018
// section 4.4).
void Seal(const SipKey& secret, const ClientCookie& cookie, const Endpoint& client,
          ServerCookie& server) {
  std::array<std::uint8_t, kClientCookieSize + kHeadSize + 16> input;
  const std::size_t address_size = client.family == Endpoint::Family::kIpv4 ? 4 : 16;
  std::uint8_t* at = std::copy(cookie.begin(), cookie.end(), input.data());
  at = std::copy_n(server.begin(), kHeadSize, at);
  at = std::copy_n(client.octets.begin(), address_size, at);
  const auto size = static_cast<std::size_t>(at - input.data());
  const std::uint64_t hash = SipHash24(secret, Bytes(input.data(), size));
  for (std::size_t i = 0; i < 8; ++i) {
    server[kHeadSize + i] = static_cast<std::uint8_t>(hash >> (8 * i));  // as SipHash writes it
  }
}

// Takes as long wherever they differ: the time must not tell how much of a guess was right.
bool SameHash(const ServerCookie& a, const ServerCookie& b) {
  std::uint8_t difference = 0;
  for (std::size_t i = kHeadSize; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

std::optional<std::uint8_t> HexValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<SipKey> ParseSecret(std::string_view text) {
  if (text.size() != kHexDigits) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = HexValue(text[i]);
    if (!digit) return std::nullopt;
    octets[i / 2] = static_cast<std::uint8_t>(octets[i / 2] << 4 | *digit);
  }
  return CookieSecretFromOctets(octets);
}

std::string_view Trimmed(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  line = line.substr(0, line.find('#'));
  const std::size_t begin = line.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

CookieSecrets CookieSecrets::RolledTo(const SipKey& fresh) const {
  CookieSecrets rolled;
  rolled.keys[rolled.count++] = fresh;
  if (count > 0) rolled.keys[rolled.count++] = keys[0];
  return rolled;
}

SipKey CookieSecretFromOctets(const std::array<std::uint8_t, 16>& octets) {
  // SipHash takes its key as two little-endian words.
  return SipKey{siphash::LittleEndian(octets.data(), 8),
                siphash::LittleEndian(octets.data() + 8, 8)};
}

Result<CookieSecrets> ParseCookieSecrets(std::string_view text) {
  CookieSecrets secrets;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (secrets.count == CookieSecrets::kCountMax) {
      return Error(ErrorCode::kInvalid, StrCat("line ", number, ": more than ",
                                               CookieSecrets::kCountMax, " secrets"));
    }
    const auto secret = ParseSecret(line);
    if (!secret) {
      return Error(ErrorCode::kInvalid,
                   StrCat("line ", number, " has ", line.size(), " characters; a secret is ",
                          kHexDigits, " hexadecimal digits (openssl rand -hex 16 makes one)"));
    }
    secrets.keys[secrets.count++] = *secret;
  }
  if (secrets.count > 0) return secrets;
  return Error(ErrorCode::kInvalid, "it holds no secret (openssl rand -hex 16 makes one)");
}

ServerCookie CookieJar::Make(const SipKey& secret, const ClientCookie& cookie,
                             const Endpoint& client, std::uint32_t time_s) {
  ServerCookie made{kVersion};  // the reserved octets stay zero
  for (std::size_t i = 0; i < 4; ++i) {
    made[kTimeAt + i] = static_cast<std::uint8_t>(time_s >> (24 - 8 * i));
  }
  Seal(secret, cookie, client, made);
  return made;
}

void CookieJar::Judge(Query& query, std::uint32_t now_s) const {
  if (secrets_.count == 0 || !query.edns || !query.edns->cookie) return;
  Edns& edns = *query.edns;
  const Cookie& cookie = *edns.cookie;
  const std::uint32_t made_s = TimeOf(cookie.server);
  // Serial number arithmetic: the time stamp wraps in 2106 (RFC 9018 section 4.3).
  const auto age = static_cast<std::int32_t>(now_s - made_s);
  std::size_t match = secrets_.count;
  if (cookie.server_size == kOurServerCookieSize && cookie.server[0] == kVersion &&
      age <= kAgeMax && age >= -kAheadMax) {
    for (std::size_t i = 0; i < secrets_.count && match == secrets_.count; ++i) {
      // The reserved octets may be set and are hashed as they came (RFC 9018 section 4.2).
      ServerCookie sealed = cookie.server;
      Seal(secrets_.keys[i], cookie.client, query.client, sealed);
      if (SameHash(sealed, cookie.server)) match = i;
    }
  }
  if (match < secrets_.count) edns.cookie_state = CookieState::kValid;
  query.reply.has_cookie = true;
  query.reply.cookie = match == 0 && age <= kRenewAfter
                           ? cookie.server
                           : Make(secrets_.keys[0], cookie.client, query.client, now_s);
}

}  // namespace summon::dns
