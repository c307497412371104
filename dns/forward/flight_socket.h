// SPDX-License-Identifier: Apache-2.0
#pragma once
// One question on its way to one upstream server over UDP: a socket of its own, so that the kernel
// chooses a random port for each question, with an id and a case of letters of its own.
//
// The socket is connected: a datagram from another address or port finds no socket, and whoever
// scans ports with spoofed packets learns nothing. The same id and letters serve for repetitions
// to the same server: fresh ones would give a forger as many targets.

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "base/loop/loop.h"
#include "base/unique_fd.h"
#include "dns/endpoint.h"
#include "dns/forward/counters.h"
#include "dns/forward/question.h"
#include "dns/forward/random.h"
#include "dns/forward/reply.h"

namespace summon::dns::forward {

class FlightSocket final {
 public:
  // So many messages that are no reply to this question: somebody is guessing, and each guess has
  // one chance in 2^16 or less. From here on only TCP is believed.
  static constexpr std::uint32_t kForgedMax = 64;
  // Datagrams read in one turn of the loop.
  static constexpr int kBatchMax = 64;

  struct Heard {
    std::vector<std::uint8_t> message;  // with the name in lower case again
    Reply reply;
  };
  struct Distrusted {};  // ask over TCP: forged replies, or a server that changes letters
  struct Unreachable {};  // the network said that nobody is there
  using Event = std::variant<Heard, Distrusted, Unreachable>;

  struct Options {
    Endpoint upstream;
    const Question& question;
    bool mix_case = true;
  };
  // `on_event` runs from the loop; it may destroy the socket. After Distrusted nothing more comes.
  // Errors: no descriptor, no route.
  static Result<std::unique_ptr<FlightSocket>> Create(Loop& loop, const Options& options,
                                                      Random& random, Counters& counters,
                                                      std::function<void(Event)> on_event);
  FlightSocket(const FlightSocket&) = delete;
  FlightSocket& operator=(const FlightSocket&) = delete;

  // Sends the question, or sends it again. False when the network does not take it.
  bool Send();
  // Without OPT from now on, for servers that do not know it. False when that is so already.
  bool LeaveOutEdns();

  // As it is on the wire.
  const Name& name() const { return expected_.name; }
  Instant sent_at() const { return sent_at_; }

 private:
  FlightSocket(Loop& loop, UniqueFd fd, Counters& counters, std::function<void(Event)> on_event)
      : loop_(loop), counters_(counters), on_event_(std::move(on_event)), fd_(std::move(fd)) {}

  void Prepare(const Options& options, Random& random);
  void OnReadable();
  // False when there is nothing more to read, or this socket may be gone.
  bool ReadOne(std::vector<std::uint8_t>& space);
  bool Judge(Bytes message);

  Loop& loop_;
  Counters& counters_;
  std::function<void(Event)> on_event_;
  Expected expected_;
  Name plain_name_;
  std::array<std::uint8_t, kQuestionSizeMax> packet_;
  std::size_t packet_size_ = 0;
  bool with_edns_ = true;
  bool distrusted_ = false;
  std::uint32_t forged_ = 0;
  Instant sent_at_{};
  UniqueFd fd_;
  std::unique_ptr<FdWatcher> watcher_;  // before fd_ is closed, so declared after it
};

}  // namespace summon::dns::forward
