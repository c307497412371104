// SPDX-License-Identifier: Apache-2.0
#pragma once
// Clients that measure: one DNS query, one HTTP request, with the time of each step.
//
// Made of plain system calls, so that what is measured is the service and not a client program.
// Call them inside the client's namespace (InNamespace).

#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::testbed {

struct DnsAnswer {
  int rcode = 0;
  int answers = 0;                     // records in the answer section
  std::optional<Ipv4Address> address;  // of the first A record
  std::uint32_t ttl_s = 0;             // likewise
  int extended_error = -1;             // RFC 8914 code, when there is one
  Instant asked{};
  Instant answered{};
};

struct DnsQuestion {
  std::string name;
  std::uint16_t type = 1;  // A
  std::string server;
  std::uint16_t port = 5300;
};

// Asks over UDP with EDNS, once; never again by itself, so that what is counted is one query.
// Errors: kTimeout after `patience`; kInvalid for an answer that makes no sense.
Result<DnsAnswer> AskDns(const DnsQuestion& question, Duration patience);

struct HttpAnswer {
  int status = 0;
  std::string body;
  Instant connecting{};    // connect() called
  Instant connected{};     // SYN and ACK came back
  Instant first_byte{};    // of the response
  Instant complete{};
  std::uint32_t retransmits = 0;  // of our first packet, the SYN, which waits 1 s for an answer
};

struct HttpTarget {
  std::string address;
  std::uint16_t port = 80;
  std::string path = "/";
  std::uint16_t source_port = 0;  // of our end; 0: the kernel chooses
};

// One request on a connection of its own, "Connection: close".
// Errors: kTimeout after `patience` altogether; kIo for what the connection said.
Result<HttpAnswer> FetchHttp(const HttpTarget& target, Duration patience);

// A connection that stays open, for services that must survive something.
Result<UniqueFd> ConnectTcp(const HttpTarget& target, Duration patience);
// Sends `request` and reads until `until` has been seen in what came back.
Result<std::string> Converse(int socket, const std::string& request, const std::string& until,
                             Duration patience);

}  // namespace summon::testbed
