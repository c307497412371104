// SPDX-License-Identifier: Apache-2.0
#pragma once
// A server with the zones of the conformance tests, and clients that send it raw octets.
//
// Black box: what is tested goes over real sockets on loopback. With SUMMON_CONFORMANCE_SERVER set
// to "ADDRESS:PORT" the same checks run against another server that serves the same zones; checks
// that look into our counters or at our policies then skip.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"
#include "dns/counters.h"
#include "dns/endpoint.h"
#include "dns/server.h"
#include "tests/dns/wire.h"

namespace summon::dns::test {

// Far above what any answer on loopback takes; only a failing test waits so long. For other servers
// less, of which some leave much unanswered.
inline constexpr std::chrono::milliseconds kPatience{5'000};
inline constexpr std::chrono::milliseconds kPatienceWithOthers{500};

// Serves in a thread of its own until it is destroyed.
class Service {
 public:
  explicit Service(ServerOptions options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const Endpoint& address() const { return address_; }
  // Why it does not serve; empty when it does.
  const std::string& failure() const { return failure_; }
  // As they are now.
  Counters ReadCounters() const;

 private:
  struct Running;
  std::unique_ptr<Running> running_;
  Endpoint address_;
  std::string failure_;
};

class UdpClient {
 public:
  explicit UdpClient(const Endpoint& server);
  void Send(const Packet& packet);
  // The next datagram from the server's address; nothing within kPatience.
  std::optional<Packet> Receive();

 private:
  UniqueFd fd_;
};

class TcpClient {
 public:
  explicit TcpClient(const Endpoint& server);
  void SendRaw(const Packet& octets);
  void Send(const Packet& message) { SendRaw(Framed(message)); }
  void EndSending();
  // The next message without its length; nothing when the connection has ended, or within
  // kPatience.
  std::optional<Packet> Receive();
  // The server ends the connection before it sends anything more.
  bool SeesEnd();

  static Packet Framed(const Packet& message);

 private:
  bool Fill(std::size_t size);

  UniqueFd fd_;
  Packet received_;
};

class ConformanceTest : public testing::Test {
 protected:
  void SetUp() override;
  virtual ServerOptions Options() const;

  // Skips the rest of the test when the server is not ours.
  bool IsOurs() const { return service_ != nullptr; }
  const Endpoint& server() const { return address_; }

  // The answer over UDP or TCP; fails the test when there is none, or when it is malformed or does
  // not repeat the id.
  Answer Ask(const Packet& query);
  Answer AskTcp(const Packet& query);
  Answer Ask(std::string_view name, RrType type) { return Ask(PlainQuery(name, type)); }
  Packet AskRaw(const Packet& query);
  // The packet gets no answer: the next one is to a query that follows it.
  void ExpectSilence(const Packet& packet);
  void ExpectTcpSilence(const Packet& packet);

  // One message was rejected, and for this; of another server nothing is known.
  void ExpectRejected(RejectReason reason) const;
  std::array<std::uint64_t, kCookieStateCount> Cookies() const {
    return service_->ReadCounters().cookies;
  }
  std::uint64_t DroppedFor(DropReason reason) const {
    return service_->ReadCounters().drops[static_cast<std::size_t>(reason)];
  }

 private:
  std::unique_ptr<Service> service_;
  Endpoint address_;
};

// The well-formed query that follows what gets no answer.
Packet Sentinel();
inline constexpr std::uint16_t kSentinelId = 0x5e47;

}  // namespace summon::dns::test
