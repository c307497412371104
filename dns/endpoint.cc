// SPDX-License-Identifier: Apache-2.0
// Endpoints between text, values and socket addresses.
#include "dns/endpoint.h"

#include <net/if.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace summon::dns {

namespace {

Error BadEndpoint(std::string_view text, std::string_view cause) {
  return Error(ErrorCode::kInvalid,
               StrCat("read listen address ", Quote(text), ": ", cause,
                      "; expected ADDRESS:PORT or [IPV6-ADDRESS]:PORT, as 127.0.0.1:5300"));
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  const auto number = ParseUnsigned(text);
  if (!number || *number > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

Result<std::uint32_t> ParseScope(std::string_view name) {
  if (const auto index = ParseUnsigned(name); index && *index <= 0x7fff'ffff) {
    return static_cast<std::uint32_t>(*index);
  }
  const unsigned index = if_nametoindex(std::string(name).c_str());
  if (index != 0) return index;
  return Error(ErrorCode::kNotFound, StrCat("find interface ", Quote(name), ": no such interface"));
}

}  // namespace

Endpoint Endpoint::Ipv4(Ipv4Address address, std::uint16_t port) {
  Endpoint endpoint;
  std::copy(address.octets.begin(), address.octets.end(), endpoint.octets.begin());
  endpoint.port = port;
  return endpoint;
}

Endpoint Endpoint::Ipv6(const Ipv6Address& address, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.family = Family::kIpv6;
  endpoint.octets = address.octets;
  endpoint.port = port;
  return endpoint;
}

Result<Endpoint> Endpoint::Parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return BadEndpoint(text, "the port is missing");
  const auto port = ParsePort(text.substr(colon + 1));
  if (!port) return BadEndpoint(text, "the port is not a number of 0..65535");
  std::string_view host = text.substr(0, colon);
  if (const auto ipv4 = Ipv4Address::Parse(host)) return Ipv4(*ipv4, *port);
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') {
    return BadEndpoint(text, "the address is neither IPv4 nor IPv6 in brackets");
  }
  host = host.substr(1, host.size() - 2);
  std::uint32_t scope = 0;
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    scope = SUMMON_TRY(ParseScope(host.substr(percent + 1)));
    host = host.substr(0, percent);
  }
  const auto ipv6 = Ipv6Address::Parse(host);
  if (!ipv6) return BadEndpoint(text, "the IPv6 address is malformed");
  Endpoint endpoint = Ipv6(*ipv6, *port);
  endpoint.scope = scope;
  return endpoint;
}

std::string Endpoint::AddressText() const {
  if (family == Family::kIpv4) {
    return StrCat(octets[0], '.', octets[1], '.', octets[2], '.', octets[3]);
  }
  return Ipv6Address{octets}.ToString();
}

std::string Endpoint::ToString() const {
  if (family == Family::kIpv4) return StrCat(AddressText(), ':', port);
  if (scope == 0) return StrCat('[', AddressText(), "]:", port);
  return StrCat('[', AddressText(), '%', scope, "]:", port);
}

bool Endpoint::IsLocalNetwork() const {
  if (family == Family::kIpv4) {
    return octets[0] == 127 || octets[0] == 10 ||              // RFC 1122, RFC 1918
           (octets[0] == 172 && (octets[1] & 0xf0) == 16) ||   // RFC 1918
           (octets[0] == 192 && octets[1] == 168) ||           // RFC 1918
           (octets[0] == 169 && octets[1] == 254);             // RFC 3927
  }
  const bool loopback = std::all_of(octets.begin(), octets.begin() + 15,
                                    [](std::uint8_t octet) { return octet == 0; }) &&
                        octets[15] == 1;
  return loopback || (octets[0] & 0xfe) == 0xfc ||                     // RFC 4193
         (octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80);            // RFC 4291
}

Endpoint Endpoint::Prefix() const {
  Endpoint prefix = *this;
  prefix.port = 0;
  prefix.scope = 0;
  const std::size_t kept = family == Family::kIpv4 ? 3 : 7;
  std::fill(prefix.octets.begin() + static_cast<std::ptrdiff_t>(kept), prefix.octets.end(),
            std::uint8_t{0});
  return prefix;
}

SocketAddress::SocketAddress(const Endpoint& endpoint) { Set(endpoint); }

void SocketAddress::Set(const Endpoint& endpoint) {
  if (endpoint.family == Endpoint::Family::kIpv4) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.octets.data(), sizeof address.sin_addr);
    std::memcpy(&storage, &address, sizeof address);
    size = sizeof address;
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_scope_id = endpoint.scope;
    std::memcpy(&address.sin6_addr, endpoint.octets.data(), sizeof address.sin6_addr);
    std::memcpy(&storage, &address, sizeof address);
    size = sizeof address;
  }
}

sockaddr* SocketAddress::get() {
  return reinterpret_cast<sockaddr*>(&storage);  // SAFETY: what sockaddr_storage is made for
}

const sockaddr* SocketAddress::get() const {
  return reinterpret_cast<const sockaddr*>(&storage);  // SAFETY: as above
}

std::optional<Endpoint> SocketAddress::ToEndpoint() const {
  if (storage.ss_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in address;
    std::memcpy(&address, &storage, sizeof address);
    Ipv4Address ipv4;
    std::memcpy(ipv4.octets.data(), &address.sin_addr, ipv4.octets.size());
    return Endpoint::Ipv4(ipv4, ntohs(address.sin_port));
  }
  if (storage.ss_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 address;
    std::memcpy(&address, &storage, sizeof address);
    Ipv6Address ipv6;
    std::memcpy(ipv6.octets.data(), &address.sin6_addr, ipv6.octets.size());
    Endpoint endpoint = Endpoint::Ipv6(ipv6, ntohs(address.sin6_port));
    endpoint.scope = address.sin6_scope_id;
    return endpoint;
  }
  return std::nullopt;
}

}  // namespace summon::dns
