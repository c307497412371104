// SPDX-License-Identifier: Apache-2.0
// Options of OPT, whatever they are: read within bounds, and what they ask for is answered with an
// OPT record that is well-formed and within its space. The first two octets of the input say how
// much space the answer has, and over what it goes.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "dns/edns.h"
#include "tests/dns/wire.h"

namespace {

using namespace summon;
using namespace summon::dns;

void CheckRead(const Edns& edns) {
  SUMMON_CHECK(edns.cookie.has_value() == (edns.cookie_state != CookieState::kNone));
  if (edns.cookie) {
    const std::size_t size = edns.cookie->server_size;
    SUMMON_CHECK(size == 0 || (size >= kServerCookieMin && size <= kServerCookieMax));
    SUMMON_CHECK((size == 0) == (edns.cookie_state == CookieState::kClientOnly));
  }
  if (edns.client_subnet) {
    const bool is_ipv4 = edns.client_subnet->family == ClientSubnet::Family::kIpv4;
    SUMMON_CHECK(edns.client_subnet->prefix_length <= (is_ipv4 ? 32 : 128));
  }
}

void CheckWritten(const Edns& asked, std::span<std::uint8_t> space, bool encrypted) {
  EdnsReply reply;
  reply.has_cookie = asked.cookie.has_value();
  if (asked.nsid_wanted) reply.nsid = *Nsid::FromText("a name");
  if (asked.keepalive_wanted) reply.keepalive = 100;
  const std::size_t least = OptSize(asked, reply);
  SUMMON_CHECK(least <= kOptSizeMax);
  if (space.size() < least) return;
  OptContent content{.asked = asked, .reply = reply, .rcode = Rcode::kBadCookie};
  content.error = ExtendedError{EdeCode::kNotReady, "it is not ready"};
  content.before = 100;
  content.encrypted = encrypted;
  const std::size_t size = WriteOpt(space, content);
  SUMMON_CHECK(size >= least && size <= space.size());
  SUMMON_CHECK(static_cast<std::size_t>(space[9] << 8 | space[10]) == size - kOptHeadSize);
  Edns again;
  const Bytes options(space.data() + kOptHeadSize, size - kOptHeadSize);
  SUMMON_CHECK(!ReadOptions(options, again).has_value());
  SUMMON_CHECK(again.cookie.has_value() == asked.cookie.has_value());
  SUMMON_CHECK(!again.padding_wanted || (encrypted && asked.padding_wanted));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static std::array<std::uint8_t, 1'024> space;
  const std::size_t room = std::min<std::size_t>(std::size_t{data[0]} * 4, space.size());
  Edns edns;
  edns.dnssec_ok = (data[1] & 2) != 0;
  if (ReadOptions(Bytes(data + 2, size - 2), edns).has_value()) return 0;
  CheckRead(edns);
  CheckWritten(edns, std::span(space).first(room), (data[1] & 1) != 0);
  return 0;
}
