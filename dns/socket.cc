// SPDX-License-Identifier: Apache-2.0
// Socket options of the listeners, each with its reason.
#include "dns/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace summon::dns {

namespace {

// Connections that wait to be accepted while one turn of the loop is busy.
constexpr int kBacklog = 256;
// Holds a burst of about 4,000 small queries while the loop is busy; the kernel bounds it further
// (net.core.rmem_max).
constexpr int kReceiveBuffer = 4 * 1024 * 1024;

Error ListenError(const Endpoint& endpoint, Transport transport, int error_number) {
  const bool udp = transport == Transport::kUdp;
  const std::string doing =
      StrCat("listen on ", endpoint.ToString(), udp ? " (UDP)" : " (TCP)");
  const Error plain = ErrnoError(doing, error_number);
  std::string remedy;
  if (error_number == EADDRINUSE) {
    remedy = StrCat("; see who has the port with \"ss -", udp ? "lunp" : "ltnp", " sport = :",
                    endpoint.port, "\", stop it or listen on another port");
  } else if (error_number == EACCES || error_number == EPERM) {
    remedy = "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
  } else if (error_number == EADDRNOTAVAIL) {
    return Error(ErrorCode::kNotFound,
                 plain.message() + "; no interface has it (see \"ip address\")");
  }
  return Error(plain.code(), plain.message() + remedy);
}

bool SetOption(int fd, int level, int name, int value = 1) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool IsUnspecified(const Endpoint& endpoint) {
  return std::all_of(endpoint.octets.begin(), endpoint.octets.end(),
                     [](std::uint8_t octet) { return octet == 0; });
}

bool SetUdpOptions(int fd, const Endpoint& endpoint) {
  const bool ipv6 = endpoint.family == Endpoint::Family::kIpv6;
  (void)SetOption(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);  // less only loses more in bursts
  // The kernel's note of the address costs each datagram some 100 ns; one address needs no note.
  const bool noted = IsUnspecified(endpoint);
  if (ipv6) {
    // Path MTU news can be forged; our datagrams fit every path (RFC 9715 section 3.1).
    (void)SetOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    return !noted || SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
  }
  (void)SetOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  return !noted || SetOption(fd, IPPROTO_IP, IP_PKTINFO);
}

}  // namespace

Result<UniqueFd> ListenSocket(const Endpoint& endpoint, Transport transport,
                              PortSharing sharing) {
  const bool ipv6 = endpoint.family == Endpoint::Family::kIpv6;
  const int type = transport == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  UniqueFd fd(socket(ipv6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ListenError(endpoint, transport, errno);
  if (ipv6 && !SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) {
    return ListenError(endpoint, transport, errno);
  }
  // A restarted server must not wait for the old one's connections to time out. On UDP the same
  // option would let two servers share the port, so that neither knows: not there, but for
  // threads of one process that ask for it.
  const bool prepared = transport == Transport::kUdp
                            ? SetUdpOptions(fd.get(), endpoint)
                            : SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (!prepared) return ListenError(endpoint, transport, errno);
  if (sharing == PortSharing::kAmongThreads && !SetOption(fd.get(), SOL_SOCKET, SO_REUSEPORT)) {
    return ListenError(endpoint, transport, errno);
  }
  const SocketAddress address(endpoint);
  if (bind(fd.get(), address.get(), address.size) != 0) {
    return ListenError(endpoint, transport, errno);
  }
  if (transport == Transport::kTcp && listen(fd.get(), kBacklog) != 0) {
    return ListenError(endpoint, transport, errno);
  }
  return fd;
}

Result<Endpoint> BoundEndpoint(int fd) {
  SocketAddress address;
  if (getsockname(fd, address.get(), &address.size) != 0) {
    return ErrnoError("read the address of a socket", errno);
  }
  const auto endpoint = address.ToEndpoint();
  if (!endpoint) return Error(ErrorCode::kInvalid, "read the address of a socket: it is not IP");
  return *endpoint;
}

}  // namespace summon::dns
