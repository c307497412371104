// SPDX-License-Identifier: Apache-2.0
// Tickets, and what all streams have in common; see the header.
#include "dns/tls/source.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <utility>

#include "base/check.h"
#include "dns/tls/stream.h"

namespace summon::dns::tls {

namespace {

// What OpenSSL wants back from the callback below (its manual page).
constexpr int kTicketFailed = -1;
constexpr int kTicketUnknown = 0;
constexpr int kTicketGood = 1;
constexpr int kTicketRenew = 2;

int TicketCallback(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int encrypting) {
  auto* tickets = static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const std::span<unsigned char, TicketKeys::kNameSize> key_name(name, TicketKeys::kNameSize);
  const std::span<unsigned char, TicketKeys::kIvSize> vector(iv, TicketKeys::kIvSize);
  if (encrypting != 0) {
    return tickets->Seal(key_name, vector, cipher, mac) ? kTicketGood : kTicketFailed;
  }
  switch (tickets->Open(key_name, vector, cipher, mac)) {
    case TicketKeys::Found::kUnknown: return kTicketUnknown;
    case TicketKeys::Found::kCurrent: return kTicketGood;
    case TicketKeys::Found::kOld: return kTicketRenew;
  }
  return kTicketUnknown;
}

}  // namespace

void Source::FreeMethod::operator()(bio_method_st* method) const { BIO_meth_free(method); }

Source::Source(const Clock& clock, Identity identity)
    : identity_(std::move(identity)), tickets_(clock), method_(Stream::MakeMethod()) {
  SUMMON_CHECK(method_ != nullptr);  // a few hundred bytes at the start
  Prepare();
}

Source::~Source() = default;

void Source::Use(Identity identity) {
  identity_ = std::move(identity);
  Prepare();
}

void Source::Prepare() {
  (void)SSL_CTX_set_app_data(identity_.context(), &tickets_);  // slot 0 always exists
  (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(identity_.context(), TicketCallback);
}

std::unique_ptr<SecureStream> Source::Accept() { return Stream::Create(*this); }

}  // namespace summon::dns::tls
