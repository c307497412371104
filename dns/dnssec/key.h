// SPDX-License-Identifier: Apache-2.0
#pragma once
// A key that signs a zone: ECDSA on P-256 with SHA-256 (algorithm 13, RFC 6605), one key for the
// zone's data and for its own set of keys (CSK, flags 257).

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/rdata.h"

// OpenSSL's own name of a key; its headers stay in the sources.
struct evp_pkey_st;

namespace summon::dns::dnssec {

inline constexpr std::uint8_t kAlgorithm = 13;                // ECDSAP256SHA256
inline constexpr std::size_t kPublicKeySize = 64;             // x and y (RFC 6605 section 4)
inline constexpr std::size_t kSignatureSize = 64;             // r and s
using Signature = std::array<std::uint8_t, kSignatureSize>;

class SigningKey {
 public:
  // A new one, from the system's random source.
  static Result<SigningKey> Generate();
  // From PEM (PKCS #8); text in front of the key is passed over.
  // Errors: kInvalid when there is no key, it is encrypted, of another kind, or broken.
  static Result<SigningKey> FromPem(std::string_view pem);

  SigningKey(SigningKey&&) noexcept = default;
  SigningKey& operator=(SigningKey&&) noexcept = default;

  // Secret.
  std::string ToPem() const;

  // False when the library fails. Any thread.
  bool Sign(Bytes data, Signature& signature) const;

  std::uint16_t tag() const { return tag_; }
  const Rdata& dnskey() const { return dnskey_; }  // the DNSKEY record's data
  // The data of the DS record that `apex`'s parent has for this key, digest SHA-256 (RFC 4509).
  Rdata Ds(const Name& apex) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit SigningKey(evp_pkey_st* key) : key_(key) {}
  // Fills in what follows from the key.
  Status Complete();

  std::unique_ptr<evp_pkey_st, Free> key_;
  Rdata dnskey_;
  std::uint16_t tag_ = 0;
};

// The tag of a key (RFC 4034 appendix B).
std::uint16_t KeyTag(Bytes dnskey);
// The data of a DS record, digest SHA-256.
Rdata DsRdata(const Name& apex, Bytes dnskey);
// True when `signature` over `data` is by the key in the DNSKEY data.
bool Verify(Bytes dnskey, Bytes data, const Signature& signature);

// As they stand in a zone file: "example. 3600 IN DS 1234 13 2 AB12...".
std::string DsText(const Name& apex, const SigningKey& key);
std::string DnskeyText(const Name& apex, const SigningKey& key);

}  // namespace summon::dns::dnssec
