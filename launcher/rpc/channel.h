// SPDX-License-Identifier: Apache-2.0
#pragma once
// One SEQPACKET connection with a bounded queue of frames that wait for the peer.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/loop/loop.h"
#include "base/result.h"
#include "base/seqpacket.h"
#include "base/unique_fd.h"

namespace summon::launcher {

inline constexpr std::uint32_t kRpcVersion = 2;

// The largest frame: a console of 64 KiB and its envelope. Below malloc's mmap threshold
// (128 KiB), so receiving touches no fresh pages.
inline constexpr std::size_t kRpcFrameBytesMax = 72 * 1024;

class Channel final {
 public:
  // Frames read in one turn of the loop, so that a flooding peer does not starve the rest.
  static constexpr int kFramesPerTurn = 64;

  struct Callbacks {
    std::function<void(Packet)> on_frame;
    // Last call; it may destroy the channel. Also when the queue is full.
    std::function<void(Error)> on_lost;
  };

  // `queued_max` bounds the frames that wait. The descriptor must be non-blocking.
  static Result<std::unique_ptr<Channel>> Create(Loop& loop, UniqueFd socket,
                                                 std::size_t queued_max, Callbacks callbacks);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Sends, now or when the peer has room; never calls back from within. `fds` are owned until
  // they are sent.
  void Send(std::string frame, std::vector<UniqueFd> fds = {});

  // From now on these are called; allowed inside a callback.
  void SetCallbacks(Callbacks callbacks) { callbacks_ = std::move(callbacks); }

  int fd() const { return socket_.get(); }

 private:
  struct Queued {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };

  Channel(Loop& loop, UniqueFd socket, std::size_t queued_max, Callbacks callbacks);
  void Ready(FdWatcher::Ready ready);
  void Receive();
  // False once the connection is lost (on_lost is then due).
  bool Flush();
  Status SendNow(const Queued& frame);
  void Lose(Error why);
  void UpdateInterest();

  const UniqueFd socket_;
  const std::size_t queued_max_;
  Callbacks callbacks_;
  std::unique_ptr<FdWatcher> watcher_;
  Timer lost_timer_;  // on_lost never runs inside Send
  Loop& loop_;
  std::deque<Queued> queue_;
  std::optional<Error> lost_;
  // Tells Receive whether a callback destroyed this object under it.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace summon::launcher
