// SPDX-License-Identifier: Apache-2.0
#pragma once
// An upstream server that a test plays: real sockets on a loopback address, on the test's loop. It
// answers, delays, lies or says nothing, as the test's functions say.

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/endpoint.h"
#include "tests/dns/forward/replies.h"

namespace summon::dns::forward::test {

// A query, taken apart as far as an answer needs it.
struct Heard {
  Packet packet;
  Packet question;  // name, type and class as they came
  Name name;
  bool has_edns = false;
  bool dnssec_ok = false;
  bool checking_disabled = false;
  std::uint16_t id() const { return static_cast<std::uint16_t>(packet[0] << 8 | packet[1]); }
};

// The reply to `query` with an A record, its letters as they came.
struct Content {
  Packet address = {192, 0, 2, 1};
  std::uint32_t ttl = 300;
  std::uint16_t flags = kReplyFlags;
  std::size_t count = 1;  // of records; 0 for none
};
Packet Reply4(const Heard& query, const Content& content = {});

class FakeUpstream {
 public:
  using OnQuery = std::function<std::vector<Packet>(const Heard&)>;

  // On 127.0.0.1, or another address of 127.0.0.0/8; a free port, or the one given.
  explicit FakeUpstream(Loop& loop, const char* endpoint = "127.0.0.1:0");

  const Endpoint& endpoint() const { return endpoint_; }
  // What a UDP query gets, at once. Default: one good reply.
  OnQuery on_udp = [](const Heard& query) { return std::vector<Packet>{Reply4(query)}; };
  OnQuery on_tcp = [](const Heard& query) { return std::vector<Packet>{Reply4(query)}; };
  // Where the newest UDP query came from, and sending there later.
  const Endpoint& asker() const { return asker_; }
  void SendUdp(const Packet& packet);
  // The same from another port.
  void SendUdpFromElsewhere(const Packet& packet);
  // A connection is closed after so many queries, in the middle of whatever else it has.
  int tcp_queries_max = 1'000'000;
  // No TCP from now on.
  void RefuseTcp() {
    tcp_watcher_.reset();
    tcp_.Reset();
  }

  std::vector<Heard> udp_queries, tcp_queries;
  std::vector<Endpoint> askers;  // of each UDP query

 private:
  struct Connection {
    UniqueFd fd;
    Packet received;
    int queries = 0;
    std::unique_ptr<FdWatcher> watcher;
  };
  void OnUdp();
  void OnAccept();
  void OnTcp(int fd);

  Loop& loop_;
  Endpoint endpoint_;
  Endpoint asker_;
  UniqueFd udp_, tcp_, elsewhere_;
  std::unique_ptr<FdWatcher> udp_watcher_, tcp_watcher_;
  std::map<int, Connection> connections_;
};

}  // namespace summon::dns::forward::test
