// SPDX-License-Identifier: Apache-2.0
// The console ring and its reader.
#include "launcher/monitor/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace summon::launcher {

void ConsoleRing::Append(std::string_view text) {
  if (text.size() > capacity_) text = text.substr(text.size() - capacity_);
  const std::size_t room = capacity_ - bytes_.size();
  const std::size_t fresh = std::min(room, text.size());
  bytes_.append(text.substr(0, fresh));
  for (const char c : text.substr(fresh)) {
    bytes_[oldest_] = c;
    oldest_ = (oldest_ + 1) % capacity_;
  }
}

std::string ConsoleRing::Contents() const {
  return bytes_.substr(oldest_) + bytes_.substr(0, oldest_);
}

Result<ConsoleReader::Pipe> ConsoleReader::Create(Loop& loop, ConsoleRing& ring) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return ErrnoError("create console pipe", errno);
  UniqueFd writer(fds[1]);
  std::unique_ptr<ConsoleReader> reader(new ConsoleReader(loop, ring, UniqueFd(fds[0])));
  return Pipe{std::move(reader), std::move(writer)};
}

Status ConsoleReader::Begin() {
  watcher_ = SUMMON_TRY(
      FdWatcher::Create(loop_, pipe_.get(), [this](FdWatcher::Ready) { ReadSome(); }));
  watcher_->Watch(FdWatcher::Interest::kRead);
  return Ok();
}

ConsoleReader::ConsoleReader(Loop& loop, ConsoleRing& ring, UniqueFd pipe)
    : loop_(loop), ring_(ring), pipe_(std::move(pipe)), rest_(loop, [this] {
        if (watcher_ != nullptr) watcher_->Watch(FdWatcher::Interest::kRead);
      }) {}

std::size_t ConsoleReader::ReadChunk() {
  std::array<char, kChunkBytes> chunk;
  const ssize_t size = read(pipe_.get(), chunk.data(), chunk.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (size <= 0) {
    watcher_.reset();  // the writer is gone
    return 0;
  }
  ring_.Append(std::string_view(chunk.data(), static_cast<std::size_t>(size)));
  return static_cast<std::size_t>(size);
}

void ConsoleReader::ReadSome() {
  if (ReadChunk() == 0) return;
  watcher_->Watch(FdWatcher::Interest::kNone);
  rest_.Set(loop_.Now() + kRest);
}

void ConsoleReader::Drain() {
  constexpr std::size_t kPipeBytes = 64 * 1024;  // pipe(7): the default capacity
  for (std::size_t read_bytes = 0; read_bytes < kPipeBytes;) {
    const std::size_t size = ReadChunk();
    if (size == 0) return;
    read_bytes += size;
  }
}

}  // namespace summon::launcher
