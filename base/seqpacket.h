// SPDX-License-Identifier: Apache-2.0
#pragma once
// SOCK_SEQPACKET Unix sockets that carry messages and descriptors between our processes.
//
// One send is one receive: no framing, no partial message. Descriptors travel with the message
// they belong to (SCM_RIGHTS) and arrive close-on-exec.

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace summon {

// The kernel's own bound is 253 (SCM_MAX_FD, include/net/scm.h). An instance needs at most 63
// devices, an image, a console and /dev/kvm.
inline constexpr std::size_t kPacketFdsMax = 128;

struct Packet {
  std::vector<std::uint8_t> bytes;
  std::vector<UniqueFd> fds;
};

// Two connected ends, close-on-exec; `nonblocking` applies to both.
enum class Blocking { kYes, kNo };
Result<std::pair<UniqueFd, UniqueFd>> SeqpacketPair(Blocking blocking);

// A listening socket at `path` (non-blocking), mode 0600 until the caller says otherwise. A stale
// socket file that nobody listens on is replaced; a live one is kBusy.
Result<UniqueFd> ListenSeqpacket(const std::string& path);

// A connection to the listener at `path` (non-blocking afterwards).
Result<UniqueFd> ConnectSeqpacket(const std::string& path);

// The next waiting connection, non-blocking; no value when none waits.
Result<std::optional<UniqueFd>> AcceptSeqpacket(int listener);

// User and group of the process at the other end (SO_PEERCRED).
struct PeerCredentials {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
};
Result<PeerCredentials> GetPeerCredentials(int socket);

// Sends one message with `fds` (borrowed; the peer gets duplicates). kBusy when a non-blocking
// socket's queue is full: nothing was sent. kUnavailable when the peer is gone.
Status SendPacket(int socket, Bytes bytes, std::span<const int> fds = {});

// Receives one message of at most `bytes_max` bytes. No value when a non-blocking socket has
// none. kUnavailable at end of file (the peer is gone). A message that is longer, or carries
// more than kPacketFdsMax descriptors, is kInvalid; its descriptors are closed.
Result<std::optional<Packet>> ReceivePacket(int socket, std::size_t bytes_max);

}  // namespace summon
