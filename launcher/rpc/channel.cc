// SPDX-License-Identifier: Apache-2.0
// Queueing and reading frames.
#include "launcher/rpc/channel.h"

#include <utility>

#include "base/strings.h"

namespace summon::launcher {

Result<std::unique_ptr<Channel>> Channel::Create(Loop& loop, UniqueFd socket,
                                                 std::size_t queued_max, Callbacks callbacks) {
  std::unique_ptr<Channel> channel(
      new Channel(loop, std::move(socket), queued_max, std::move(callbacks)));
  channel->watcher_ = SUMMON_TRY(
      FdWatcher::Create(loop, channel->socket_.get(),
                        [raw = channel.get()](FdWatcher::Ready ready) { raw->Ready(ready); }));
  channel->UpdateInterest();
  return channel;
}

Channel::Channel(Loop& loop, UniqueFd socket, std::size_t queued_max, Callbacks callbacks)
    : socket_(std::move(socket)),
      queued_max_(queued_max),
      callbacks_(std::move(callbacks)),
      lost_timer_(loop,
                  [this] {
                    const auto on_lost = std::move(callbacks_.on_lost);
                    const Error why = *lost_;
                    if (on_lost) on_lost(why);  // may destroy this object
                  }),
      loop_(loop) {}

void Channel::Send(std::string frame, std::vector<UniqueFd> fds) {
  if (lost_) return;
  if (frame.size() > kRpcFrameBytesMax) {
    return Lose(Error(ErrorCode::kInvalid, StrCat("a frame of ", frame.size(),
                                                  " bytes; at most ", kRpcFrameBytesMax)));
  }
  if (queue_.size() >= queued_max_) {
    return Lose(Error(ErrorCode::kExhausted, StrCat("the peer does not read: ", queued_max_,
                                                    " frames wait for it")));
  }
  queue_.push_back(Queued{std::move(frame), std::move(fds)});
  if (Flush()) UpdateInterest();
}

Status Channel::SendNow(const Queued& frame) {
  std::vector<int> fds;
  for (const UniqueFd& fd : frame.fds) fds.push_back(fd.get());
  // SAFETY: char and std::uint8_t are both bytes.
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(frame.bytes.data());
  return SendPacket(socket_.get(), Bytes(bytes, frame.bytes.size()), fds);
}

bool Channel::Flush() {
  while (!queue_.empty()) {
    const Status sent = SendNow(queue_.front());
    if (!sent.ok() && sent.error().code() == ErrorCode::kBusy) return true;
    if (!sent.ok()) {
      Lose(sent.error());
      return false;
    }
    queue_.pop_front();
  }
  return true;
}

void Channel::Lose(Error why) {
  if (lost_) return;
  lost_ = std::move(why);
  queue_.clear();
  watcher_.reset();
  lost_timer_.Set(loop_.Now());
}

void Channel::UpdateInterest() {
  if (watcher_ == nullptr) return;
  watcher_->Watch(queue_.empty() ? FdWatcher::Interest::kRead : FdWatcher::Interest::kReadWrite);
}

void Channel::Ready(FdWatcher::Ready ready) {
  if (ready.writable && !queue_.empty() && Flush()) UpdateInterest();
  if (lost_) return;
  if (ready.readable || ready.disconnected) Receive();
}

void Channel::Receive() {
  const std::weak_ptr<bool> alive = alive_;
  for (int frame = 0; frame < kFramesPerTurn; ++frame) {
    Result<std::optional<Packet>> received = ReceivePacket(socket_.get(), kRpcFrameBytesMax);
    if (!received.ok()) return Lose(received.error());
    if (!received->has_value()) return;
    // A copy: the callback may set other ones, or destroy this object.
    const auto on_frame = callbacks_.on_frame;
    on_frame(std::move(**received));
    if (alive.expired() || lost_) return;
  }
}

}  // namespace summon::launcher
