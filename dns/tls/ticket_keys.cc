// SPDX-License-Identifier: Apache-2.0
// AES-256 in CBC mode with HMAC-SHA256, as RFC 5077 section 4 recommends.
#include "dns/tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

namespace summon::dns::tls {

namespace {

bool UseMac(EVP_MAC_CTX* mac, std::span<std::uint8_t> key) {
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

bool Random(std::span<std::uint8_t> octets) {
  return RAND_bytes(octets.data(), static_cast<int>(octets.size())) == 1;
}

}  // namespace

TicketKeys::~TicketKeys() {
  Forget(current_);
  Forget(previous_);
}

void TicketKeys::Forget(std::optional<Key>& key) {
  if (key) OPENSSL_cleanse(&*key, sizeof *key);
  key.reset();
}

void TicketKeys::Roll(Instant now) {
  if (previous_ && now - previous_->made >= 2 * kLifetime) Forget(previous_);
  if (!current_ || now - current_->made < kLifetime) return;
  Forget(previous_);
  if (now - current_->made < 2 * kLifetime) previous_ = current_;
  Forget(current_);
}

bool TicketKeys::Seal(std::span<std::uint8_t, kNameSize> name, std::span<std::uint8_t, kIvSize> iv,
                      evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac) {
  const Instant now = clock_.Now();
  Roll(now);
  if (!current_) {
    Key key;
    key.made = now;
    if (!Random(key.name) || !Random(key.cipher) || !Random(key.mac)) return false;
    current_ = key;
    OPENSSL_cleanse(&key, sizeof key);
  }
  std::copy(current_->name.begin(), current_->name.end(), name.begin());
  return Random(iv) &&
         EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, current_->cipher.data(),
                            iv.data()) == 1 &&
         UseMac(mac, current_->mac);
}

TicketKeys::Found TicketKeys::Open(std::span<const std::uint8_t, kNameSize> name,
                                   std::span<const std::uint8_t, kIvSize> iv,
                                   evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac) {
  Roll(clock_.Now());
  for (std::optional<Key>* key : {&current_, &previous_}) {
    // The name is no secret: it stands in every ticket.
    if (!*key || !std::equal(name.begin(), name.end(), (*key)->name.begin())) continue;
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, (*key)->cipher.data(), iv.data()) !=
            1 ||
        !UseMac(mac, (*key)->mac)) {
      return Found::kUnknown;
    }
    return key == &current_ ? Found::kCurrent : Found::kOld;
  }
  return Found::kUnknown;
}

}  // namespace summon::dns::tls
