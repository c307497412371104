// SPDX-License-Identifier: Apache-2.0
#pragma once
// Messages out of a stream: each has its length in front, in two octets (RFC 1035 section 4.2.2).
//
// Pure, so that it can be fuzzed. Grows with what has arrived, never with what a length claims.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "dns/types.h"

namespace summon::dns {

class TcpFramer {
 public:
  // Adds what was read. Call Next() until it has nothing before adding more: that bounds what is
  // kept to one message and one read.
  void Append(Bytes bytes);

  // The next whole message; valid until the next call of Append. Nothing when there is none yet,
  // or when the stream is broken.
  std::optional<Bytes> Next();

  // The stream holds a length that no message can have: nothing after it can be trusted.
  bool broken() const { return broken_; }
  // A whole message waits for Next().
  bool ready() const;
  // Octets have arrived that Next() has not given out.
  bool pending() const { return consumed_ < buffer_.size(); }

 private:
  // More spare room than this is given back when all has been consumed.
  static constexpr std::size_t kKeptMax = 4'096;
  static constexpr std::size_t kLengthSize = 2;

  std::size_t waiting() const { return buffer_.size() - consumed_; }
  std::size_t claimed_length() const;

  std::vector<std::uint8_t> buffer_;
  std::size_t consumed_ = 0;
  bool broken_ = false;
};

}  // namespace summon::dns
