// SPDX-License-Identifier: Apache-2.0
// Text forms of addresses.
#include "base/address.h"

#include <arpa/inet.h>

#include <cstdio>

#include "base/strings.h"

namespace summon {

std::optional<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  Ipv4Address address;
  const std::string terminated(text);
  if (terminated.size() != text.size() || terminated.find('\0') != std::string::npos ||
      inet_pton(AF_INET, terminated.c_str(), address.octets.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

std::string Ipv4Address::ToString() const {
  return StrCat(octets[0], '.', octets[1], '.', octets[2], '.', octets[3]);
}

std::optional<Ipv6Address> Ipv6Address::Parse(std::string_view text) {
  Ipv6Address address;
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos ||
      inet_pton(AF_INET6, terminated.c_str(), address.octets.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

std::string Ipv6Address::ToString() const {
  char text[INET6_ADDRSTRLEN];
  (void)inet_ntop(AF_INET6, octets.data(), text, sizeof text);  // the buffer is large enough
  return text;
}

std::optional<MacAddress> MacAddress::Parse(std::string_view text) {
  constexpr std::size_t kLength = 17;
  if (text.size() != kLength) return std::nullopt;
  MacAddress address;
  for (std::size_t i = 0; i < address.octets.size(); ++i) {
    if (i > 0 && text[3 * i - 1] != ':') return std::nullopt;
    const std::string_view pair = text.substr(3 * i, 2);
    const auto end = std::from_chars(pair.data(), pair.data() + 2, address.octets[i], 16);
    if (end.ec != std::errc() || end.ptr != pair.data() + 2) return std::nullopt;
  }
  if (address.octets[0] & 1) return std::nullopt;
  return address;
}

std::string MacAddress::ToString() const {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", octets[0], octets[1],
                octets[2], octets[3], octets[4], octets[5]);
  return text;
}

}  // namespace summon
