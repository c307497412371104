// SPDX-License-Identifier: Apache-2.0
#pragma once
// A TLS client that does no input or output by itself, so that tests decide how its octets travel.

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

namespace summon::dns::tls::test {

using Octets = std::vector<std::uint8_t>;

class Client {
 public:
  struct Options {
    int version = TLS1_3_VERSION;
    std::string alpn = "dot";        // empty: none is offered
    SSL_SESSION* session = nullptr;  // to be resumed
  };

  explicit Client(const Options& options) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), options.version);
    SSL_CTX_set_max_proto_version(context_.get(), options.version);
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SUMMON_CHECK(ssl_ && in_ && out_);
    SSL_set_bio(ssl_.get(), in_, out_);
    if (!options.alpn.empty()) {
      std::string wire(1, static_cast<char>(options.alpn.size()));
      wire += options.alpn;
      // SAFETY: OpenSSL takes octets where we have characters.
      const auto* octets = reinterpret_cast<const unsigned char*>(wire.data());
      SSL_set_alpn_protos(ssl_.get(), octets, static_cast<unsigned>(wire.size()));
    }
    if (options.session) SSL_set_session(ssl_.get(), options.session);
    SSL_set_connect_state(ssl_.get());
    (void)SSL_do_handshake(ssl_.get());  // writes the first message
  }
  Client() : Client(Options{}) {}

  bool open() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool failed() const { return failed_; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  // The server has said that it will send no more.
  bool ended() const { return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  std::string alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return std::string(name, name + size);
  }
  // The name in the certificate that the server showed.
  std::string server_name() const {
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    std::array<char, 256> text{};
    if (certificate) {
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                static_cast<int>(text.size()));
    }
    return text.data();
  }
  SSL_SESSION* session() const { return SSL_get0_session(ssl_.get()); }

  // What is to be sent.
  Octets Output() {
    Octets octets(BIO_ctrl_pending(out_));
    if (!octets.empty()) (void)BIO_read(out_, octets.data(), static_cast<int>(octets.size()));
    return octets;
  }
  // Takes what came; what the server said is in `heard`.
  void Input(Bytes octets) {
    if (!octets.empty()) (void)BIO_write(in_, octets.data(), static_cast<int>(octets.size()));
    if (!open() && SSL_do_handshake(ssl_.get()) != 1) {
      failed_ = failed_ || SSL_get_error(ssl_.get(), -1) == SSL_ERROR_SSL;
      return;
    }
    std::array<std::uint8_t, 4096> space;
    int count = 0;
    while ((count = SSL_read(ssl_.get(), space.data(), static_cast<int>(space.size()))) > 0) {
      heard.insert(heard.end(), space.begin(), space.begin() + count);
    }
    failed_ = failed_ || SSL_get_error(ssl_.get(), count) == SSL_ERROR_SSL;
  }
  void Say(Bytes plain) {
    SUMMON_CHECK(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) > 0);
  }
  void SayEnd() { (void)SSL_shutdown(ssl_.get()); }  // does not wait for the other's

  Octets heard;

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
  bool failed_ = false;
};

}  // namespace summon::dns::tls::test
