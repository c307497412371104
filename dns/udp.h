// SPDX-License-Identifier: Apache-2.0
#pragma once
// One UDP socket: datagrams in, datagrams out, from the address that was asked.
//
// Answers that are given while a batch of queries is worked off leave together at its end; others
// leave at once.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/counters.h"
#include "dns/responder.h"
#include "dns/socket.h"
#include "dns/udp_batch.h"

namespace summon::dns {

class UdpListener final {
 public:
  // `received` is one time for all datagrams of a batch.
  using OnMessage = std::function<void(Bytes packet, const ReplyTo& from, Instant received)>;

  struct Options {
    Endpoint endpoint;
    std::uint32_t index = 0;  // becomes ReplyTo::listener
    PortSharing sharing = PortSharing::kNone;
  };

  // What the listeners of a loop share.
  struct Shared {
    Loop& loop;
    UdpBatch& batch;
    Counters& counters;
  };

  // Errors: those of ListenSocket. What is shared outlives the listener.
  static Result<std::unique_ptr<UdpListener>> Create(const Shared& shared, const Options& options,
                                                     OnMessage on_message);
  ~UdpListener();

  UdpListener(const UdpListener&) = delete;
  UdpListener& operator=(const UdpListener&) = delete;

  const Endpoint& bound() const { return bound_; }
  SendOutcome Send(const ReplyTo& to, Bytes message);

 private:
  UdpListener(UniqueFd fd, const Endpoint& bound, const Shared& shared, const Options& options);
  void ReadBatch();
  void Receive(std::size_t i, Instant received);
  void Flush();
  void CountOverflow();
  SendOutcome SendSingly(const ReplyTo& to, Bytes message);

  const UniqueFd fd_;
  const Endpoint bound_;
  const std::uint32_t index_;
  // A socket that is bound to one address sends from it without being told.
  const UdpBatch::Source source_;
  Shared shared_;
  OnMessage on_message_;
  bool in_batch_ = false;
  bool was_full_ = false;               // the batch before
  std::uint32_t overflow_seen_ = 0;     // the kernel's count of what it could not queue
  std::unique_ptr<FdWatcher> watcher_;  // before fd_ is closed, so declared after it
};

}  // namespace summon::dns
