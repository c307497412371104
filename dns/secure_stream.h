// SPDX-License-Identifier: Apache-2.0
#pragma once
// What stands between a connection's socket and its messages when the connection is encrypted.
//
// Octets in, octets out: the connection does all input and output, so that its limits and
// deadlines hold for encrypted connections too. dns/tls has the only implementation.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace summon::dns {

class SecureStream {
 public:
  enum class State : std::uint8_t {
    kHandshake,  // messages cannot pass yet
    kOpen,
    kEnded,   // the peer will send no more; answers still pass
    kFailed,  // nothing passes any more
  };

  virtual ~SecureStream() = default;
  // Takes all octets of `wire`. What the peer said is added to `plain`, at most as much as has
  // arrived; what it must be told (handshake, alerts) is added to `reply`.
  virtual State Receive(Bytes wire, std::vector<std::uint8_t>& plain,
                        std::vector<std::uint8_t>& reply) = 0;
  // Adds `plain` to `wire`, encrypted. False when the stream is not open.
  virtual bool Send(Bytes plain, std::vector<std::uint8_t>& wire) = 0;
  // Adds the end of what we say to `wire`.
  virtual void End(std::vector<std::uint8_t>& wire) = 0;
  // The handshake took up an earlier session.
  virtual bool Resumed() const = 0;
  // Part of a record has arrived.
  virtual bool InRecord() const = 0;
};

// Makes the streams of one listener. Outlives them.
class SecureStreamSource {
 public:
  virtual ~SecureStreamSource() = default;
  // Null when there is no memory for another one.
  virtual std::unique_ptr<SecureStream> Accept() = 0;
};

}  // namespace summon::dns
