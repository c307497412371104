// SPDX-License-Identifier: Apache-2.0
// Cookies and files of their secrets. Nobody can make a good cookie without the secret; the one
// that is given is good at once, at its address and nowhere else.
//
// Input: the time (4 octets), the address (16), then a cookie option; or, when the first octet is
// '#', the text of a file.
#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "dns/cookie.h"

namespace {

using namespace summon;
using namespace summon::dns;

constexpr std::size_t kHeadSize = 20;

CookieState JudgeAgain(const CookieJar& jar, const Query& asked, const Endpoint& client,
                       std::uint32_t now_s) {
  Query query = asked;
  query.client = client;
  query.edns->cookie->server = asked.reply.cookie;
  query.edns->cookie->server_size = kOurServerCookieSize;
  query.edns->cookie_state = CookieState::kBad;
  jar.Judge(query, now_s);
  return query.cookie_state();
}

void CheckCookie(Bytes head, Bytes option) {
  Edns edns;
  if (ReadOptions(option, edns).has_value() || !edns.cookie) return;
  Query query;
  query.edns = edns;
  query.client.family = Endpoint::Family::kIpv6;
  std::copy_n(head.begin() + 4, 16, query.client.octets.begin());
  const auto now_s = static_cast<std::uint32_t>(head[0]) << 24 |
                     static_cast<std::uint32_t>(head[1]) << 16 |
                     static_cast<std::uint32_t>(head[2]) << 8 | head[3];
  CookieSecrets secrets;
  secrets.keys[secrets.count++] = SipKey{0x0123456789abcdef, 0xfedcba9876543210};
  const CookieJar jar(secrets);
  jar.Judge(query, now_s);
  SUMMON_CHECK(query.reply.has_cookie);
  SUMMON_CHECK(query.cookie_state() != CookieState::kNone);
  SUMMON_CHECK(JudgeAgain(jar, query, query.client, now_s) == CookieState::kValid);
  Endpoint neighbour = query.client;
  neighbour.octets[15] ^= 1;
  SUMMON_CHECK(JudgeAgain(jar, query, neighbour, now_s) == CookieState::kBad);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0 && data[0] == '#') {
    // SAFETY: char and uint8_t have the same representation; the view does not outlive the call.
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto secrets = ParseCookieSecrets(text);
    SUMMON_CHECK(!secrets.ok() ||
                 (secrets->count >= 1 && secrets->count <= CookieSecrets::kCountMax));
  } else if (size > kHeadSize) {
    CheckCookie(Bytes(data, kHeadSize), Bytes(data + kHeadSize, size - kHeadSize));
  }
  return 0;
}
