// SPDX-License-Identifier: Apache-2.0
// OpenSSL between two pieces of memory; see the header.
#include "dns/tls/stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

namespace summon::dns::tls {

void Stream::FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }

bio_method_st* Stream::MakeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "summon stream");
  if (!method) return nullptr;
  (void)BIO_meth_set_read_ex(method, OnRead);
  (void)BIO_meth_set_write_ex(method, OnWrite);
  (void)BIO_meth_set_ctrl(method, OnControl);
  return method;
}

std::unique_ptr<Stream> Stream::Create(Source& source) {
  std::unique_ptr<Stream> stream(new Stream(source));
  stream->ssl_.reset(SSL_new(source.identity().context()));
  BIO* bio = stream->ssl_ ? BIO_new(source.method_.get()) : nullptr;
  if (!bio) return nullptr;
  BIO_set_data(bio, stream.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(stream->ssl_.get(), bio, bio);  // owns it
  SSL_set_accept_state(stream->ssl_.get());
  return stream;
}

Stream::~Stream() = default;

int Stream::OnRead(bio_st* bio, char* to, std::size_t room, std::size_t* count) {
  auto* stream = static_cast<Stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *count = std::min(room, stream->input_.size());
  if (*count == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(to, stream->input_.data(), *count);
  stream->input_ = stream->input_.subspan(*count);
  return 1;
}

int Stream::OnWrite(bio_st* bio, const char* from, std::size_t size, std::size_t* count) {
  auto* stream = static_cast<Stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *count = 0;
  if (!stream->output_) return 0;  // SSL_free() has nobody to tell
  stream->output_->insert(stream->output_->end(), from, from + size);
  *count = size;
  return 1;
}

long Stream::OnControl(bio_st*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

SecureStream::State Stream::AfterError(int result, State waiting) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return waiting;
    case SSL_ERROR_ZERO_RETURN: return State::kEnded;
    default: return State::kFailed;
  }
}

SecureStream::State Stream::Shake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return State::kOpen;
  const State next = AfterError(result, State::kHandshake);
  return next == State::kEnded ? State::kFailed : next;
}

SecureStream::State Stream::Decrypt(std::vector<std::uint8_t>& plain) {
  std::array<std::uint8_t, Source::kChunkSize>& chunk = source_.chunk_;
  while (true) {
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), chunk.data(), chunk.size(), &count);
    if (result != 1) return AfterError(result, State::kOpen);
    plain.insert(plain.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

SecureStream::State Stream::Receive(Bytes wire, std::vector<std::uint8_t>& plain,
                                    std::vector<std::uint8_t>& reply) {
  if (state_ == State::kFailed) return state_;
  tracker_.Feed(wire);
  input_ = wire;
  output_ = &reply;
  ERR_clear_error();
  if (state_ == State::kHandshake) state_ = Shake();
  if (state_ == State::kOpen) state_ = Decrypt(plain);
  ERR_clear_error();
  input_ = {};
  output_ = nullptr;
  return state_;
}

bool Stream::Send(Bytes plain, std::vector<std::uint8_t>& wire) {
  if (state_ != State::kOpen && state_ != State::kEnded) return false;
  output_ = &wire;
  ERR_clear_error();
  std::size_t count = 0;
  const bool sent = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count) == 1;
  ERR_clear_error();
  output_ = nullptr;
  if (!sent) state_ = State::kFailed;
  return sent;
}

void Stream::End(std::vector<std::uint8_t>& wire) {
  if (state_ != State::kOpen && state_ != State::kEnded) return;
  output_ = &wire;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());  // says it, and does not wait for the other's
  ERR_clear_error();
  output_ = nullptr;
}

bool Stream::Resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

}  // namespace summon::dns::tls
