// SPDX-License-Identifier: Apache-2.0
#pragma once
// Listening sockets, with errors that say how to mend them.

#include "base/result.h"
#include "base/unique_fd.h"
#include "dns/endpoint.h"
#include "dns/types.h"

namespace summon::dns {

// A bound socket, non-blocking and close-on-exec; TCP also listens. IPv6 sockets take IPv6 only.
// UDP sockets tell with each datagram which of our addresses it was sent to.
// Errors: kBusy when the port is taken, kPermission, kNotFound for an address that this machine
// does not have; each names the address and the remedy.
Result<UniqueFd> ListenSocket(const Endpoint& endpoint, Transport transport);

// Where the socket is bound.
Result<Endpoint> BoundEndpoint(int fd);

}  // namespace summon::dns
