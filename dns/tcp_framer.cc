// SPDX-License-Identifier: Apache-2.0
// The framing of DNS over TCP.
#include "dns/tcp_framer.h"

#include <algorithm>

namespace summon::dns {

namespace {

std::size_t LengthAt(Bytes octets) { return std::size_t{octets[0]} << 8 | octets[1]; }

}  // namespace

void TcpFramer::Begin(Bytes read) {
  if (!broken_) read_ = read;
}

bool TcpFramer::Fill(std::size_t count) {
  if (waiting() >= count) return true;
  if (consumed_ > 0) {
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
  }
  const Bytes more = read_.first(std::min(count - waiting(), read_.size()));
  kept_.insert(kept_.end(), more.begin(), more.end());
  read_ = read_.subspan(more.size());
  return waiting() >= count;
}

std::optional<Bytes> TcpFramer::NextKept() {
  if (!Fill(kLengthSize)) return std::nullopt;
  const std::size_t length = LengthAt(Bytes(kept_).subspan(consumed_));
  if (length < kHeaderSize) {
    broken_ = true;
    return std::nullopt;
  }
  if (!Fill(kLengthSize + length)) return std::nullopt;
  const Bytes message = Bytes(kept_).subspan(consumed_ + kLengthSize, length);
  consumed_ += kLengthSize + length;
  return message;
}

std::optional<Bytes> TcpFramer::Next() {
  if (broken_) return std::nullopt;
  if (pending()) return NextKept();
  if (read_.size() < kLengthSize) return std::nullopt;
  const std::size_t length = LengthAt(read_);
  if (length < kHeaderSize) {
    broken_ = true;
    return std::nullopt;
  }
  if (read_.size() < kLengthSize + length) return std::nullopt;
  const Bytes message = read_.subspan(kLengthSize, length);
  read_ = read_.subspan(kLengthSize + length);
  return message;
}

void TcpFramer::End() {
  if (!read_.empty() && !broken_) (void)Fill(waiting() + read_.size());  // takes all there is
  read_ = {};
  if (pending() && !broken_) return;
  if (kept_.capacity() > 0) std::vector<std::uint8_t>().swap(kept_);
  consumed_ = 0;
}

bool TcpFramer::ready() const {
  if (broken_ || waiting() < kLengthSize) return false;
  const std::size_t length = LengthAt(Bytes(kept_).subspan(consumed_));
  return length < kHeaderSize || waiting() >= kLengthSize + length;
}

}  // namespace summon::dns
