// SPDX-License-Identifier: Apache-2.0
#pragma once
// Asking one list of upstream servers: c-ares on our loop.
//
// c-ares chooses the server, repeats, times out, goes on to the next one and speaks TCP. What it
// does not do well it does through us, for it lets its sockets be somebody else's: a question sent
// "over its UDP socket" leaves through a socket of its own (flight_socket.h), and only what has
// been judged to be the reply is handed to it. Of that it is given no more than it needs to go on:
// a header that says done, truncated, or try the next one.
//
// One list of servers for all its life. One loop thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/loop/loop.h"
#include "dns/endpoint.h"
#include "dns/forward/asker.h"
#include "dns/forward/counters.h"
#include "dns/forward/flight_socket.h"
#include "dns/forward/random.h"
#include "dns/forward/upstream.h"

// c-ares stays in ares_channel.cc.
struct ares_channeldata;

namespace summon::dns::forward {

class AresChannel final {
 public:
  static constexpr std::size_t kUpstreamsMax = 8;
  // The first wait for a reply; each server that was asked gets one, then twice as long again.
  static constexpr std::chrono::milliseconds kPatience{800};
  static constexpr int kTries = 3;
  // How often time-outs are looked for while anything is in flight.
  static constexpr Duration kTick = std::chrono::milliseconds(25);

  struct Options {
    std::vector<Endpoint> upstreams;  // 1..kUpstreamsMax
    bool mix_case = true;
    // Questions that c-ares knows of at a time, those that were given up but not yet forgotten
    // among them. At most 65535: each has an id of 16 bits.
    std::size_t slots_max = 4'096;
  };
  // All outlive it. Errors: what c-ares cannot do, such as no memory.
  static Result<std::unique_ptr<AresChannel>> Create(Loop& loop, const Options& options,
                                                     Random& random, Counters& counters,
                                                     AskerClient& client);
  ~AresChannel();  // no outcome is told any more
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

  // As Asker has them.
  bool Ask(Ticket ticket, const Question& question);
  void GiveUp(Ticket ticket);
  bool IsUpstream(const Endpoint& address) const;
  bool IsOurs(Ticket ticket, const Name& name) const;

  // Nothing is in flight.
  bool idle() const { return tickets_.empty(); }
  const std::vector<Endpoint>& endpoints() const { return options_.upstreams; }

 private:
  struct Hooks;  // what c-ares calls
  friend struct Hooks;

  // A question that c-ares knows of. Its index is its id there.
  struct Slot {
    bool used = false;    // c-ares knows of it
    bool wanted = false;  // somebody waits for the outcome
    Ticket ticket{};
    Question question;
    bool settled = false;  // `outcome` is what there is to say
    Outcome outcome;
    // By upstream; null where it was not asked yet.
    std::vector<std::unique_ptr<FlightSocket>> sockets;
    std::vector<bool> failed;
  };
  // What c-ares takes for a UDP socket.
  struct VirtualSocket {
    int number = -1;
    std::size_t upstream = 0;
    bool connected = false;
    std::vector<std::uint8_t> inbox;  // one message, or empty
  };
  struct TcpSocket {
    UniqueFd fd;
    std::unique_ptr<FdWatcher> watcher;
  };
  // What c-ares is to do with a question next.
  enum class Steer : std::uint8_t { kEnd, kTcp, kNextServer };

  AresChannel(Loop& loop, const Options& options, Random& random, Counters& counters,
              AskerClient& client);
  Status Open();

  bool SendUdp(std::size_t upstream, Bytes packet);
  void OnSocketEvent(std::size_t slot, std::size_t upstream, FlightSocket::Event event);
  void OnHeard(std::size_t slot, std::size_t upstream, FlightSocket::Heard heard);
  void OnFailure(std::size_t slot, std::size_t upstream, EdeCode reason);
  void Settle(Slot& slot, std::vector<std::uint8_t> message, const Reply& reply);
  void OnTcpReady(int fd, FdWatcher::Ready ready);
  bool Push(std::size_t slot, std::size_t upstream, Steer steer);
  void End(std::size_t slot, std::size_t upstream);
  void Tell(Slot& slot);
  void Arm(Instant at);
  bool AnotherMayKnow(const Slot& slot) const;
  // c-ares has ended with a question; `message` is what came over TCP, if anything.
  void OnEnded(std::size_t slot, int status, Bytes message);
  void HearOverTcp(Slot& slot, std::size_t id, Bytes message);
  void Drain();
  void Tick();
  std::size_t UpstreamAt(const Endpoint& endpoint) const;

  Loop& loop_;
  const Options options_;
  Random& random_;
  Counters& counters_;
  AskerClient& client_;
  std::vector<Upstream> upstreams_;
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;
  std::unordered_map<std::uint64_t, std::uint16_t> tickets_;  // of slots that are wanted
  std::vector<std::pair<Ticket, Outcome>> ended_;             // to be told
  std::vector<VirtualSocket> virtual_;
  int next_virtual_;
  std::unordered_map<int, TcpSocket> tcp_;
  std::size_t used_ = 0;
  bool closing_ = false;
  Instant armed_ = kNever;
  Timer timer_;
  ares_channeldata* channel_ = nullptr;
};

}  // namespace summon::dns::forward
