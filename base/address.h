// SPDX-License-Identifier: Apache-2.0
#pragma once
// IPv4 and Ethernet addresses as values.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace summon {

struct Ipv4Address {
  std::array<std::uint8_t, 4> octets{};  // network order: 10.77.0.10 is {10, 77, 0, 10}
  friend auto operator<=>(const Ipv4Address&, const Ipv4Address&) = default;

  // Dotted decimal, four numbers of 0..255 without leading zeros; nothing else.
  static std::optional<Ipv4Address> Parse(std::string_view text);
  std::string ToString() const;
};

struct Ipv6Address {
  std::array<std::uint8_t, 16> octets{};
  friend auto operator<=>(const Ipv6Address&, const Ipv6Address&) = default;

  static std::optional<Ipv6Address> Parse(std::string_view text);
  std::string ToString() const;
};

struct MacAddress {
  std::array<std::uint8_t, 6> octets{};
  friend auto operator<=>(const MacAddress&, const MacAddress&) = default;

  // Six pairs of hexadecimal digits with colons. Multicast addresses do not name a station: they
  // are refused.
  static std::optional<MacAddress> Parse(std::string_view text);
  std::string ToString() const;
};

}  // namespace summon
