// SPDX-License-Identifier: Apache-2.0
#pragma once
// One encrypted connection, as octets in and octets out.

#include <cstdint>
#include <memory>
#include <vector>

#include "dns/secure_stream.h"
#include "dns/tls/record_tracker.h"
#include "dns/tls/source.h"

struct bio_st;
struct ssl_st;

namespace summon::dns::tls {

class Stream final : public SecureStream {
 public:
  // Null without memory. `source` outlives the stream.
  static std::unique_ptr<Stream> Create(Source& source);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  State Receive(Bytes wire, std::vector<std::uint8_t>& plain,
                std::vector<std::uint8_t>& reply) override;
  bool Send(Bytes plain, std::vector<std::uint8_t>& wire) override;
  void End(std::vector<std::uint8_t>& wire) override;
  bool InRecord() const override { return tracker_.inside(); }
  bool Resumed() const override;

  static bio_method_st* MakeMethod();

 private:
  struct FreeSsl {
    void operator()(ssl_st* ssl) const;
  };

  explicit Stream(Source& source) : source_(source) {}

  State Shake();
  State Decrypt(std::vector<std::uint8_t>& plain);
  // What follows from an error of OpenSSL, with `waiting` when it only wants more octets.
  State AfterError(int result, State waiting);

  // Called by OpenSSL for octets; 1 when there were any.
  static int OnRead(bio_st* bio, char* to, std::size_t room, std::size_t* count);
  static int OnWrite(bio_st* bio, const char* from, std::size_t size, std::size_t* count);
  static long OnControl(bio_st* bio, int command, long, void*);

  Source& source_;
  RecordTracker tracker_;
  State state_ = State::kHandshake;
  Bytes input_;                                  // during a call
  std::vector<std::uint8_t>* output_ = nullptr;  // likewise
  std::unique_ptr<ssl_st, FreeSsl> ssl_;
};

}  // namespace summon::dns::tls
