// SPDX-License-Identifier: Apache-2.0
#pragma once
// What DNS over TCP may cost us. Every number trades the patience of honest clients against what
// a hostile one can hold; RFC 7766 asks for idle time-outs of seconds and for pipelining, RFC 9210
// section 4 for limits on each of these. The configuration may change all of them (`tcp`).

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace summon::dns {

struct TcpLimits {
  std::size_t connections_max = 1'000;
  std::size_t per_prefix_max = 16;        // per /24 or /56 of other networks
  std::size_t per_local_prefix_max = 64;  // of our own: loopback and private addresses
  // From accept to the first octet: a client connects because it has something to ask.
  Duration first_octet = std::chrono::seconds(2);
  // Between an answer and the next question (RFC 7766 section 6.2.3).
  Duration idle = std::chrono::seconds(10);
  // The same when more than three quarters of connections_max are open.
  Duration idle_crowded = std::chrono::seconds(2);
  // From the first octet of a message to its last; octets in between do not renew it.
  Duration message = std::chrono::seconds(5);
  // From the first octet of a TLS handshake to its end; likewise.
  Duration handshake = std::chrono::seconds(5);
  // Without the peer reading any octet of its answers.
  Duration write_stall = std::chrono::seconds(10);
  // Queries without an answer on one connection; then we stop reading from it.
  std::size_t unanswered_max = 64;
  // Octets of answers that the peer has not read; then the connection ends. Reading stops at half
  // of it.
  std::size_t unsent_max = 256 * 1024;
  // New TLS connections in a second, of one /24 or /56; eight times as many of our own networks.
  // A burst may take four seconds' worth. A handshake costs as much as a hundred queries.
  std::uint32_t handshakes_per_second = 20;
};

}  // namespace summon::dns
