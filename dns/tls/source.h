// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where encrypted connections come from: the identity of now, and the keys of session tickets.
// Loop thread only.

#include <array>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "dns/secure_stream.h"
#include "dns/tls/identity.h"
#include "dns/tls/ticket_keys.h"

struct bio_method_st;

namespace summon::dns::tls {

class Source final : public SecureStreamSource {
 public:
  // `clock` outlives it; it outlives its streams.
  Source(const Clock& clock, Identity identity);
  ~Source() override;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // For handshakes from now on; connections that are open keep what they have.
  void Use(Identity identity);
  const Identity& identity() const { return identity_; }

  std::unique_ptr<SecureStream> Accept() override;

 private:
  friend class Stream;
  static constexpr std::size_t kChunkSize = 16 * 1024;  // the most that a record has

  struct FreeMethod {
    void operator()(bio_method_st* method) const;
  };

  void Prepare();

  Identity identity_;
  TicketKeys tickets_;
  std::unique_ptr<bio_method_st, FreeMethod> method_;  // how streams give octets to OpenSSL
  std::array<std::uint8_t, kChunkSize> chunk_{};       // where one record is decrypted
};

}  // namespace summon::dns::tls
