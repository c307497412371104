// SPDX-License-Identifier: Apache-2.0
#pragma once
// Listening sockets, with errors that say how to mend them.

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"
#include "dns/endpoint.h"
#include "dns/types.h"

namespace summon::dns {

// Whether several sockets of one process may have the same port, so that each of several threads
// has its own and the kernel spreads the clients over them (SO_REUSEPORT).
enum class PortSharing : std::uint8_t { kNone, kAmongThreads };

// A bound socket, non-blocking and close-on-exec; TCP also listens. IPv6 sockets take IPv6 only.
// UDP sockets that are bound to the unspecified address tell with each datagram which of our
// addresses it was sent to.
// Errors: kBusy when the port is taken, kPermission, kNotFound for an address that this machine
// does not have; each names the address and the remedy.
Result<UniqueFd> ListenSocket(const Endpoint& endpoint, Transport transport,
                              PortSharing sharing = PortSharing::kNone);

// Where the socket is bound.
Result<Endpoint> BoundEndpoint(int fd);

}  // namespace summon::dns
