// SPDX-License-Identifier: Apache-2.0
#pragma once
// One UDP socket: datagrams in, datagrams out, from the address that was asked.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/counters.h"
#include "dns/responder.h"

namespace summon::dns {

class UdpListener final {
 public:
  // Datagrams read in one turn of the loop, so that a flood does not starve timers and TCP.
  static constexpr int kBatchMax = 64;

  using OnMessage = std::function<void(Bytes packet, const ReplyTo& from)>;

  struct Options {
    Endpoint endpoint;
    std::uint32_t index = 0;  // becomes ReplyTo::listener
  };

  // Errors: those of ListenSocket. `loop` and `counters` outlive the listener.
  static Result<std::unique_ptr<UdpListener>> Create(Loop& loop, const Options& options,
                                                     Counters& counters, OnMessage on_message);
  ~UdpListener();

  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;

  const Endpoint& bound() const { return bound_; }
  SendOutcome Send(const ReplyTo& to, Bytes message);

 private:
  UdpListener(UniqueFd fd, const Endpoint& bound, const Options& options, Counters& counters);
  void ReadBatch();
  // False when there was nothing to read.
  bool ReadOne();

  const UniqueFd fd_;
  const Endpoint bound_;
  const std::uint32_t index_;
  Counters& counters_;
  OnMessage on_message_;
  std::vector<std::uint8_t> buffer_;  // as large as a datagram can be
  std::unique_ptr<FdWatcher> watcher_;  // before fd_ is closed, so declared after it
};

}  // namespace summon::dns
