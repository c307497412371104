// SPDX-License-Identifier: Apache-2.0
// ECDSA P-256 by OpenSSL's EVP interface. OpenSSL wants signatures and keys in its own forms; those
// of the DNS are bare numbers of 32 octets (RFC 6605 section 4).
#include "dns/dnssec/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "base/strings.h"

namespace summon::dns::dnssec {

namespace {

constexpr const char* kGroup = "prime256v1";
constexpr std::size_t kNumberSize = 32;  // octets of one number of P-256
constexpr std::uint16_t kFlags = 257;    // a zone's key, its secure entry point
constexpr std::uint8_t kProtocol = 3;    // RFC 4034 section 2.1.2
constexpr std::uint8_t kDigestSha256 = 2;
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kDnskeyHead = 4;
constexpr std::uint8_t kPointUncompressed = 4;  // SEC 1 section 2.3.3
constexpr std::uint32_t kTextTtl = 3600;        // what the printed records say
// A signature in DER: two numbers of at most 33 octets, with heads.
constexpr std::size_t kDerSizeMax = 80;

template <auto kFree>
struct Freeing {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Context = std::unique_ptr<EVP_PKEY_CTX, Freeing<EVP_PKEY_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freeing<BIO_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freeing<ECDSA_SIG_free>>;
using Number = std::unique_ptr<BIGNUM, Freeing<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freeing<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freeing<OSSL_PARAM_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Digest = std::array<std::uint8_t, kDigestSize>;

// The last thing that the library complained of; its queue is empty then.
std::string TakeLibraryError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : StrCat("error ", code);
}

bool Sha256(Bytes data, Digest& digest) {
  return EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1;
}

std::string Base64(Bytes data) {
  std::string out((data.size() + 2) / 3 * 4 + 1, '\0');
  // SAFETY: char and unsigned char have the same representation.
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data.data(),
                                   static_cast<int>(data.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string HexText(Bytes data) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const std::uint8_t octet : data) {
    out += kDigits[octet >> 4];
    out += kDigits[octet & 0xf];
  }
  return out;
}

// Encrypted keys would make the library ask at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

// The key of DNSKEY data; null when it is not of our algorithm.
Key PublicKey(Bytes dnskey) {
  if (dnskey.size() != kDnskeyHead + kPublicKeySize || dnskey[3] != kAlgorithm) return nullptr;
  std::array<std::uint8_t, 1 + kPublicKeySize> point;
  point[0] = kPointUncompressed;
  std::copy(dnskey.begin() + kDnskeyHead, dnskey.end(), point.begin() + 1);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      !OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kGroup, 0) ||
      !OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                        point.size())) {
    return nullptr;
  }
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return Key(key);
}

// From DER to the two numbers, each of its full size.
bool FromDer(Bytes der, Signature& signature) {
  const unsigned char* at = der.data();
  const EcSignature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  return parsed &&
         BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), signature.data(), kNumberSize) >= 0 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), signature.data() + kNumberSize,
                      kNumberSize) >= 0;
}

}  // namespace

void SigningKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<SigningKey> SigningKey::Generate() {
  SigningKey key(EVP_EC_gen(kGroup));
  if (!key.key_) {
    return Error(ErrorCode::kUnavailable, StrCat("make a key: ", TakeLibraryError()));
  }
  SUMMON_TRY(key.Complete());
  return key;
}

Result<SigningKey> SigningKey::FromPem(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  SUMMON_CHECK(bio);
  SigningKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (!key.key_) {
    return Error(ErrorCode::kInvalid,
                 StrCat("there is no key in it that can be read: ", TakeLibraryError(),
                        " (it must be a private key in PEM form without a passphrase; "
                        "`summon dnssec keygen` makes one)"));
  }
  SUMMON_TRY(key.Complete());
  return key;
}

std::string SigningKey::ToPem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  SUMMON_CHECK(bio);
  const int written =
      PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  SUMMON_CHECK(written == 1);  // out of memory only
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Status SigningKey::Complete() {
  std::array<char, 32> group{};
  if (EVP_PKEY_is_a(key_.get(), "EC") != 1 ||
      EVP_PKEY_get_group_name(key_.get(), group.data(), group.size(), nullptr) != 1 ||
      std::string_view(group.data()) != kGroup) {
    ERR_clear_error();
    return Error(ErrorCode::kInvalid, "the key is not one of ECDSA P-256 (algorithm 13)");
  }
  (void)EVP_PKEY_set_utf8_string_param(key_.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       "uncompressed");  // checked by the size below
  std::array<std::uint8_t, 1 + kPublicKeySize> point{};
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                      point.size(), &size) != 1 ||
      size != point.size() || point[0] != kPointUncompressed) {
    return Error(ErrorCode::kInvalid, StrCat("the key has no public half: ", TakeLibraryError()));
  }
  dnskey_ = {kFlags >> 8, kFlags & 0xff, kProtocol, kAlgorithm};
  dnskey_.insert(dnskey_.end(), point.begin() + 1, point.end());
  tag_ = KeyTag(dnskey_);
  // Both halves must be of one key; a signature that nobody can verify is worse than none.
  constexpr std::array<std::uint8_t, 4> kSample = {'t', 'e', 's', 't'};
  Signature signature;
  if (!Sign(kSample, signature) || !Verify(dnskey_, kSample, signature)) {
    ERR_clear_error();
    return Error(ErrorCode::kInvalid, "the key's halves do not fit together");
  }
  return Ok();
}

bool SigningKey::Sign(Bytes data, Signature& signature) const {
  Digest digest;
  if (!Sha256(data, digest)) return false;
  const Context context(EVP_PKEY_CTX_new(key_.get(), nullptr));
  std::array<std::uint8_t, kDerSizeMax> der;
  std::size_t size = der.size();
  if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()) != 1) {
    ERR_clear_error();
    return false;
  }
  return FromDer(Bytes(der.data(), size), signature);
}

Rdata SigningKey::Ds(const Name& apex) const { return DsRdata(apex, dnskey_); }

std::uint16_t KeyTag(Bytes dnskey) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < dnskey.size(); ++i) {
    sum += i % 2 == 0 ? std::uint32_t{dnskey[i]} << 8 : dnskey[i];
  }
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

Rdata DsRdata(const Name& apex, Bytes dnskey) {
  const Name owner = apex.Lowered();
  std::vector<std::uint8_t> data(owner.wire().begin(), owner.wire().end());
  data.insert(data.end(), dnskey.begin(), dnskey.end());
  Digest digest{};
  SUMMON_CHECK(Sha256(data, digest));  // out of memory only
  const std::uint16_t tag = KeyTag(dnskey);
  Rdata rdata = {static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag), kAlgorithm,
                 kDigestSha256};
  rdata.insert(rdata.end(), digest.begin(), digest.end());
  return rdata;
}

bool Verify(Bytes dnskey, Bytes data, const Signature& signature) {
  const Key key = PublicKey(dnskey);
  const EcSignature numbers(ECDSA_SIG_new());
  Number r(BN_bin2bn(signature.data(), kNumberSize, nullptr));
  Number s(BN_bin2bn(signature.data() + kNumberSize, kNumberSize, nullptr));
  if (!key || !numbers || !r || !s) return false;
  if (ECDSA_SIG_set0(numbers.get(), r.get(), s.get()) != 1) return false;
  (void)r.release();  // the signature's now
  (void)s.release();
  std::array<std::uint8_t, kDerSizeMax> der;
  unsigned char* end = der.data();
  if (i2d_ECDSA_SIG(numbers.get(), nullptr) > static_cast<int>(der.size())) return false;
  const int size = i2d_ECDSA_SIG(numbers.get(), &end);
  Digest digest;
  const Context context(EVP_PKEY_CTX_new(key.get(), nullptr));
  const bool good =
      size > 0 && Sha256(data, digest) && context && EVP_PKEY_verify_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
      EVP_PKEY_verify(context.get(), der.data(), static_cast<std::size_t>(size), digest.data(),
                      digest.size()) == 1;
  ERR_clear_error();
  return good;
}

std::string DsText(const Name& apex, const SigningKey& key) {
  const Rdata ds = key.Ds(apex);
  return StrCat(apex.ToText(), ' ', kTextTtl, " IN DS ", key.tag(), ' ', int{ds[2]}, ' ',
                int{ds[3]}, ' ', HexText(Bytes(ds).subspan(4)));
}

std::string DnskeyText(const Name& apex, const SigningKey& key) {
  return StrCat(apex.ToText(), ' ', kTextTtl, " IN DNSKEY ", kFlags, ' ', int{kProtocol}, ' ',
                int{kAlgorithm}, ' ', Base64(Bytes(key.dnskey()).subspan(kDnskeyHead)));
}

}  // namespace summon::dns::dnssec
