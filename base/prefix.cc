// SPDX-License-Identifier: Apache-2.0
// Networks between text and value; see the header.
#include "base/prefix.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/address.h"
#include "base/strings.h"

namespace summon {

namespace {

constexpr std::string_view kExpected =
    "; expected ADDRESS/LENGTH as 10.0.0.0/8, an address, \"any\", \"none\", \"local\" or "
    "\"loopback\"";

constexpr unsigned BitsOf(IpPrefix::Family family) {
  return family == IpPrefix::Family::kIpv4 ? 32 : 128;
}

// `octets` with everything beyond the first `length` bits cleared.
std::array<std::uint8_t, 16> Masked(std::array<std::uint8_t, 16> octets, unsigned length) {
  for (unsigned i = 0; i < octets.size(); ++i) {
    const unsigned kept = length > 8 * i ? std::min(8u, length - 8 * i) : 0;
    octets[i] = static_cast<std::uint8_t>(octets[i] & (0xff00u >> kept));
  }
  return octets;
}

Error BadPrefix(std::string_view text, std::string_view cause) {
  return Error(ErrorCode::kInvalid, StrCat(Quote(text), ' ', cause));
}

Result<std::vector<IpPrefix>> ParseAll(std::span<const std::string_view> texts) {
  std::vector<IpPrefix> prefixes;
  for (const std::string_view text : texts) {
    prefixes.push_back(SUMMON_TRY(IpPrefix::Parse(text)));
  }
  return prefixes;
}

constexpr std::array<std::string_view, 2> kAny = {"0.0.0.0/0", "::/0"};
constexpr std::array<std::string_view, 2> kLoopback = {"127.0.0.0/8", "::1/128"};
constexpr std::array<std::string_view, 8> kLocal = {
    "127.0.0.0/8",    "::1/128",        "10.0.0.0/8", "172.16.0.0/12",
    "192.168.0.0/16", "169.254.0.0/16", "fc00::/7",   "fe80::/10"};

}  // namespace

Result<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  IpPrefix prefix;
  if (const auto ipv4 = Ipv4Address::Parse(host)) {
    std::copy(ipv4->octets.begin(), ipv4->octets.end(), prefix.octets.begin());
  } else if (const auto ipv6 = Ipv6Address::Parse(host)) {
    prefix.family = Family::kIpv6;
    prefix.octets = ipv6->octets;
  } else {
    return BadPrefix(text, StrCat("is neither an address nor a prefix", kExpected));
  }
  const unsigned bits = BitsOf(prefix.family);
  prefix.length = static_cast<std::uint8_t>(bits);
  if (slash == std::string_view::npos) return prefix;
  const auto length = ParseUnsigned(text.substr(slash + 1));
  if (!length || *length > bits) {
    return BadPrefix(text, StrCat("has a length that is not a number of 0..", bits));
  }
  prefix.length = static_cast<std::uint8_t>(*length);
  const IpPrefix masked{prefix.family, prefix.length, Masked(prefix.octets, prefix.length)};
  if (masked.octets != prefix.octets) {
    return BadPrefix(text, StrCat("has bits beyond its length; ", Quote(masked.ToString()),
                                  " is the network that it lies in"));
  }
  return prefix;
}

std::string IpPrefix::ToString() const {
  if (family == Family::kIpv4) {
    return StrCat(Ipv4Address{{octets[0], octets[1], octets[2], octets[3]}}.ToString(), '/',
                  unsigned{length});
  }
  return StrCat(Ipv6Address{octets}.ToString(), '/', unsigned{length});
}

bool IpPrefix::Contains(Family of, const std::uint8_t* address) const {
  if (of != family) return false;
  const std::size_t whole = length / 8;
  if (std::memcmp(octets.data(), address, whole) != 0) return false;
  const unsigned rest = length % 8u;
  return rest == 0 || ((octets[whole] ^ address[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

Result<std::vector<IpPrefix>> ParsePrefixes(std::string_view text) {
  if (text == "any") return ParseAll(kAny);
  if (text == "none") return std::vector<IpPrefix>();
  if (text == "loopback") return ParseAll(kLoopback);
  if (text == "local") return ParseAll(kLocal);
  return std::vector<IpPrefix>{SUMMON_TRY(IpPrefix::Parse(text))};
}

}  // namespace summon
