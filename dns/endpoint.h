// SPDX-License-Identifier: Apache-2.0
#pragma once
// IP addresses with ports: where we listen, who asks, and which of our addresses was asked.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/result.h"

namespace summon::dns {

struct Endpoint {
  enum class Family : std::uint8_t { kIpv4, kIpv6 };

  Family family = Family::kIpv4;
  std::array<std::uint8_t, 16> octets{};  // network order; IPv4 uses the first four
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  // interface index of a link-local IPv6 address

  static Endpoint Ipv4(Ipv4Address address, std::uint16_t port);
  static Endpoint Ipv6(const Ipv6Address& address, std::uint16_t port);

  // "ADDRESS:PORT" or "[ADDRESS]:PORT" for IPv6; "[fe80::1%eth0]:53" names the interface. Port 0
  // asks the system for a free one.
  // Errors: kInvalid, saying what is expected; kNotFound for an unknown interface.
  static Result<Endpoint> Parse(std::string_view text);

  // As Parse reads it (the scope as a number).
  std::string ToString() const;

  // The address without the port, as text.
  std::string AddressText() const;

  // Loopback, link-local and private addresses (RFC 1918, RFC 4193): our own network.
  bool IsLocalNetwork() const;

  // The network that one client can easily have many addresses of: /24 or /56, port 0.
  Endpoint Prefix() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// The form that socket calls want.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  explicit SocketAddress(const Endpoint& endpoint);
  SocketAddress() = default;  // room for the kernel to write into
  void Set(const Endpoint& endpoint);

  sockaddr* get();
  const sockaddr* get() const;
  // Nothing for a family that is not IP.
  std::optional<Endpoint> ToEndpoint() const;
};

}  // namespace summon::dns
