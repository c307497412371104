// SPDX-License-Identifier: Apache-2.0
#pragma once
// DNS cookies: cheap proof that an asker receives what we send to its address (RFC 7873).
//
// The server's cookie is the interoperable one of RFC 9018, so that several servers with the same
// secrets, of other makes too, take each other's. No state is kept for any client.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/siphash.h"
#include "dns/edns.h"
#include "dns/endpoint.h"
#include "dns/message.h"

namespace summon::dns {

// The first makes cookies; cookies made with any of them are good. The others are the previous one,
// or the next one while the servers of a cluster learn it (RFC 9018 section 5).
struct CookieSecrets {
  static constexpr std::size_t kCountMax = 3;

  std::array<SipKey, kCountMax> keys{};
  std::size_t count = 0;  // 0: we do not do cookies

  // With `fresh` in front, and what was in front behind it.
  CookieSecrets RolledTo(const SipKey& fresh) const;
};

// A secret as its 16 octets stand in files and in RFC 9018.
SipKey CookieSecretFromOctets(const std::array<std::uint8_t, 16>& octets);

// Reads a file of secrets: 1..3 lines of 32 hexadecimal digits, the first makes cookies; "#" begins
// a comment, empty lines mean nothing.
// Errors: kInvalid with the line and what is wrong; never the secret itself.
Result<CookieSecrets> ParseCookieSecrets(std::string_view text);

class CookieJar {
 public:
  // How old or how far in the future a cookie may be (RFC 9018 section 4.3), in seconds.
  static constexpr std::int32_t kAgeMax = 3'600;
  static constexpr std::int32_t kAheadMax = 300;
  // An older one that is still good is answered with a new one.
  static constexpr std::int32_t kRenewAfter = 1'800;

  explicit CookieJar(const CookieSecrets& secrets = {}) : secrets_(secrets) {}

  // Says what the query's cookie proves, and keeps the cookie for the answer with it. `now_s` is
  // the wall clock's seconds since 1970, modulo 2^32. Without effect on a query without a cookie,
  // or when we have no secrets.
  void Judge(Query& query, std::uint32_t now_s) const;

  // The cookie that a server with `secret` gives to `client` at `time_s` (RFC 9018 section 4).
  static ServerCookie Make(const SipKey& secret, const ClientCookie& cookie,
                           const Endpoint& client, std::uint32_t time_s);

 private:
  CookieSecrets secrets_;
};

}  // namespace summon::dns
