// SPDX-License-Identifier: Apache-2.0
// Reading certificates and keys, and what TLS we speak; see the header.
#include "dns/tls/identity.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>

#include "base/clock.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::dns::tls {

namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

// Only suites with forward secrecy and authenticated encryption (RFC 9325 section 4.2); those of
// TLS 1.3 all are.
constexpr const char* kSuitesOfTls12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
// "dot", with its length in front (IANA "TLS ALPN Protocol IDs").
constexpr std::array<std::uint8_t, 4> kAlpnDot = {3, 'd', 'o', 't'};
// How long a session may be resumed; its ticket's key is gone after two days at most.
constexpr long kSessionSeconds = 24 * 60 * 60;
constexpr std::string_view kSessionContext = "summon dot";

// What OpenSSL last complained about; empties its queue.
std::string Reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text ? text : "unknown error";
}

struct FileContents {
  std::string bytes;
  mode_t mode = 0;
};

Result<FileContents> ReadFile(std::string_view what, const std::string& path) {
  const std::string doing = StrCat("read ", what, ' ', Quote(path));
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return ErrnoError(doing, errno);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return ErrnoError(doing, errno);
  if (!S_ISREG(status.st_mode)) {
    return Error(ErrorCode::kInvalid, StrCat(doing, ": it is not a regular file"));
  }
  FileContents contents{{}, status.st_mode};
  std::array<char, 4096> space;
  while (contents.bytes.size() <= Identity::kFileBytesMax) {
    const ssize_t count = read(fd.get(), space.data(), space.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(doing, errno);
    if (count == 0) return contents;
    contents.bytes.append(space.data(), static_cast<std::size_t>(count));
  }
  return Error(ErrorCode::kInvalid,
               StrCat(doing, ": it has more than ", Identity::kFileBytesMax, " bytes"));
}

std::unique_ptr<BIO, FreeBio> Memory(const std::string& bytes) {
  return std::unique_ptr<BIO, FreeBio>(
      BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// The certificates of a file, in order.
Result<std::vector<Certificate>> ReadChain(const std::string& path) {
  const FileContents file = SUMMON_TRY(ReadFile("certificate", path));
  const auto bio = Memory(file.bytes);
  std::vector<Certificate> chain;
  while (true) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    if (chain.size() == Identity::kChainMax) {
      return Error(ErrorCode::kInvalid,
                   StrCat("read certificate ", Quote(path), ": it has more than ",
                          Identity::kChainMax, " certificates"));
    }
    chain.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = Reason();
  if (!at_end) {
    return Error(ErrorCode::kInvalid, StrCat("read certificate ", Quote(path), ": number ",
                                             chain.size() + 1, " in it is damaged: ", reason));
  }
  if (chain.empty()) {
    return Error(ErrorCode::kInvalid,
                 StrCat("read certificate ", Quote(path),
                        ": there is none in it; it must begin \"-----BEGIN CERTIFICATE-----\""));
  }
  return chain;
}

// Told by OpenSSL that a key is locked: remembers it, and has no passphrase.
int NoPassphrase(char*, int, int, void* locked) {
  *static_cast<bool*>(locked) = true;
  return -1;
}

Result<Key> ParseKey(const std::string& path, const std::string& bytes) {
  const auto bio = Memory(bytes);
  bool locked = false;
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, &locked));
  if (key) return key;
  std::string reason = Reason();
  // OpenSSL says "unsupported" when there is no key at all.
  const bool none = bytes.find("PRIVATE KEY-----") == std::string::npos;
  if (none) reason = "there is none in it; it must begin \"-----BEGIN PRIVATE KEY-----\" or alike";
  if (locked) {
    reason = StrCat("it is locked with a passphrase; unlock it with \"openssl pkey -in ", path,
                    " -out KEY\"");
  }
  return Error(ErrorCode::kInvalid, StrCat("read key ", Quote(path), ": ", reason));
}

// The client names what it wants to speak: DNS, or nothing. Whoever wants something else has been
// sent here by mistake, or by somebody (RFC 7301 section 3.2, RFC 9325 section 3.7).
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  const int selected = SSL_select_next_proto(&found, chosen_size, kAlpnDot.data(), kAlpnDot.size(),
                                             offered, offered_size);
  *chosen = found;
  return selected == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool SetUp(SSL_CTX* context) {
  // Renegotiation has the client make us work; 1.3 does without it.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle connection gives its buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // sessions are in their tickets
  SSL_CTX_set_timeout(context, kSessionSeconds);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
  // SAFETY: OpenSSL takes octets where we have characters.
  const auto* name = reinterpret_cast<const unsigned char*>(kSessionContext.data());
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, kSuitesOfTls12) == 1 &&
         SSL_CTX_set_num_tickets(context, 1) == 1 &&
         SSL_CTX_set_session_id_context(context, name, kSessionContext.size()) == 1;
}

std::int64_t ToSeconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

std::string SubjectOf(X509* certificate) {
  std::array<char, 256> text{};
  X509_NAME_oneline(X509_get_subject_name(certificate), text.data(), text.size());
  return text.data();
}

std::vector<std::string> WarningsOf(const Files& files, X509* certificate, mode_t key_mode) {
  std::vector<std::string> warnings;
  if ((key_mode & S_IRWXO) != 0) {
    warnings.push_back(StrCat("key ", Quote(files.key),
                              " can be read or written by everybody on this host; chmod o= ",
                              files.key));
  }
  const std::string of = StrCat("certificate ", Quote(files.certificate));
  const std::int64_t now = WallNanos() / 1'000'000'000;
  const std::int64_t left = ToSeconds(X509_get0_notAfter(certificate)) - now;
  if (ToSeconds(X509_get0_notBefore(certificate)) > now) {
    warnings.push_back(StrCat(of, " is not valid yet; is this host's clock right?"));
  }
  if (left <= 0) {
    warnings.push_back(StrCat(of, " has expired; clients will not take it: renew it"));
  } else if (left < std::chrono::seconds(Identity::kExpirySoon).count()) {
    warnings.push_back(StrCat(of, " expires in ", left / 3600, " hours; renew it"));
  }
  return warnings;
}

}  // namespace

void Identity::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Identity::Identity(Identity&&) noexcept = default;
Identity& Identity::operator=(Identity&&) noexcept = default;
Identity::~Identity() = default;

Result<Identity> Identity::Load(const Files& files) {
  ERR_clear_error();
  const std::vector<Certificate> chain = SUMMON_TRY(ReadChain(files.certificate));
  FileContents key_file = SUMMON_TRY(ReadFile("key", files.key));
  const auto key = ParseKey(files.key, key_file.bytes);
  OPENSSL_cleanse(key_file.bytes.data(), key_file.bytes.size());
  if (!key.ok()) return key.error();

  Identity identity;
  identity.context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = identity.context_.get();
  if (!context || !SetUp(context)) {
    return Error(ErrorCode::kUnavailable, StrCat("set up TLS: ", Reason()));
  }
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return Error(ErrorCode::kInvalid,
                 StrCat("use certificate ", Quote(files.certificate), ": ", Reason()));
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return Error(ErrorCode::kInvalid, StrCat("use certificate ", Quote(files.certificate),
                                               ": number ", i + 1, " in it: ", Reason()));
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.value().get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Error(ErrorCode::kInvalid,
                 StrCat("use key ", Quote(files.key), " with certificate ",
                        Quote(files.certificate), ": ", Reason(),
                        "; the first certificate in its file must be the one made for this key"));
  }
  identity.subject_ = SubjectOf(chain.front().get());
  identity.expires_s_ = ToSeconds(X509_get0_notAfter(chain.front().get()));
  identity.warnings_ = WarningsOf(files, chain.front().get(), key_file.mode);
  return identity;
}

}  // namespace summon::dns::tls
