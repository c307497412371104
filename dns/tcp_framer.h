// SPDX-License-Identifier: Apache-2.0
#pragma once
// Messages out of a stream: each has its length in front, in two octets (RFC 1035 section 4.2.2).
//
// Pure, so that it can be fuzzed. Whole messages are given out where they lie in what was read;
// only a message that has arrived in part is kept, so a stream between two messages holds no
// memory. What is kept grows with what has arrived, never with what a length claims.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "dns/types.h"

namespace summon::dns {

class TcpFramer {
 public:
  // Takes up what was read, which must stay until End(). Nothing new is needed to go on with
  // messages that were left before.
  void Begin(Bytes read);

  // The next whole message; valid until the next call of any method. Nothing when there is none
  // yet, or when the stream is broken.
  std::optional<Bytes> Next();

  // Keeps what Next() has not given out.
  void End();

  // The stream holds a length that no message can have: nothing after it can be trusted.
  bool broken() const { return broken_; }
  // A whole message was left at End().
  bool ready() const;
  // Octets were left at End(): at least the first of a message.
  bool pending() const { return consumed_ < kept_.size(); }
  // Memory that is held on to, in octets.
  std::size_t held() const { return kept_.capacity(); }

 private:
  static constexpr std::size_t kLengthSize = 2;

  std::size_t waiting() const { return kept_.size() - consumed_; }
  // Moves octets of what was read behind the kept ones until `count` wait; false when they do not
  // reach that far.
  bool Fill(std::size_t count);
  std::optional<Bytes> NextKept();

  std::vector<std::uint8_t> kept_;
  std::size_t consumed_ = 0;  // of kept_
  Bytes read_;                // what has not been given out of it
  bool broken_ = false;
};

}  // namespace summon::dns
