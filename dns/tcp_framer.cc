// SPDX-License-Identifier: Apache-2.0
// The framing of DNS over TCP.
#include "dns/tcp_framer.h"

namespace summon::dns {

void TcpFramer::Append(Bytes bytes) {
  if (broken_) return;
  if (consumed_ == buffer_.size()) {
    buffer_.clear();
    if (buffer_.capacity() > kKeptMax) buffer_.shrink_to_fit();
  } else if (consumed_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
  }
  consumed_ = 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::size_t TcpFramer::claimed_length() const {
  return std::size_t{buffer_[consumed_]} << 8 | buffer_[consumed_ + 1];
}

bool TcpFramer::ready() const {
  return !broken_ && waiting() >= kLengthSize &&
         (claimed_length() < kHeaderSize || waiting() >= kLengthSize + claimed_length());
}

std::optional<Bytes> TcpFramer::Next() {
  if (!ready()) return std::nullopt;
  const std::size_t length = claimed_length();
  if (length < kHeaderSize) {
    broken_ = true;
    return std::nullopt;
  }
  const Bytes message = Bytes(buffer_).subspan(consumed_ + kLengthSize, length);
  consumed_ += kLengthSize + length;
  return message;
}

}  // namespace summon::dns
