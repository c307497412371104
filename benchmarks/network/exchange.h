// SPDX-License-Identifier: Apache-2.0
#pragma once
// One question and its answer over the network, timed. Sockets are made in the namespace that the
// calling thread is in.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::benchmarks {

inline constexpr Duration kReplyPatience = std::chrono::seconds(1);

// Echo requests to one address, by ICMP.
class Pinger final {
 public:
  static Result<Pinger> Create(const std::string& address);
  // From just before the request is sent until its reply was read. Errors: kTimeout.
  Result<Duration> Ping(Duration patience = kReplyPatience);

 private:
  explicit Pinger(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;  // raw; connected
  std::uint16_t sequence_ = 0;
};

// Datagrams to the echo service (RFC 862) of one address.
class UdpEcho final {
 public:
  static Result<UdpEcho> Create(const std::string& address);
  Result<Duration> Exchange();

 private:
  explicit UdpEcho(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

// What came of a large body over TCP. A fast server sends all of it; of a slow one only what comes
// within kBodyLimit counts, so that no way holds up the others.
inline constexpr Duration kBodyLimit = std::chrono::seconds(5);

struct Delivery {
  std::uint64_t bytes = 0;  // head and body
  Duration time{};          // from the connect on
};
struct BodyRequest {
  std::string address;
  std::uint16_t port = 80;
  std::uint64_t bytes = 0;  // asked for, with GET /bytes/N
};
// Errors: kIo when the answer is not status 200 or ends early.
Result<Delivery> FetchBody(const BodyRequest& request);

}  // namespace summon::benchmarks
