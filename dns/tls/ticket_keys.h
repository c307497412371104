// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1).
//
// A ticket is a session that the client keeps for us, encrypted with such a key: whoever has the
// key can read connections that were resumed. So it lives a day, and a day more to take tickets
// that were made with it. It is never written anywhere, and survives a change of certificate.

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace summon::dns::tls {

class TicketKeys final {
 public:
  static constexpr Duration kLifetime = std::chrono::hours(24);
  static constexpr std::size_t kNameSize = 16;  // OpenSSL 3, SSL_CTX_set_tlsext_ticket_key_evp_cb
  static constexpr std::size_t kIvSize = 16;    // a block of AES

  // `clock` outlives it.
  explicit TicketKeys(const Clock& clock) : clock_(clock) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  enum class Found : std::uint8_t { kUnknown, kCurrent, kOld };

  // Makes ready to encrypt a ticket, and writes the name of the key and an initialization vector.
  // False when there is no randomness or no memory.
  bool Seal(std::span<std::uint8_t, kNameSize> name, std::span<std::uint8_t, kIvSize> iv,
            evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac);
  // Makes ready to decrypt the ticket that has this name and vector. kOld: make a new one.
  Found Open(std::span<const std::uint8_t, kNameSize> name,
             std::span<const std::uint8_t, kIvSize> iv, evp_cipher_ctx_st* cipher,
             evp_mac_ctx_st* mac);

 private:
  struct Key {
    std::array<std::uint8_t, kNameSize> name{};
    std::array<std::uint8_t, 32> cipher{};
    std::array<std::uint8_t, 32> mac{};
    Instant made{};
  };

  static void Forget(std::optional<Key>& key);
  void Roll(Instant now);

  const Clock& clock_;
  std::optional<Key> current_;
  std::optional<Key> previous_;
};

}  // namespace summon::dns::tls
