// SPDX-License-Identifier: Apache-2.0
#pragma once
// What we prove who we are with: a certificate, those that vouch for it, and its key.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

struct ssl_ctx_st;

namespace summon::dns::tls {

// Files in PEM format. The certificate's comes first in its file, then those of the authorities in
// between.
struct Files {
  std::string certificate;
  std::string key;
};

class Identity final {
 public:
  // Bounds what is read of a file.
  static constexpr std::size_t kFileBytesMax = 1 << 20;
  // Bounds what each handshake sends.
  static constexpr std::size_t kChainMax = 10;
  // With so much time left a warning says that nobody seems to renew it.
  static constexpr std::chrono::hours kExpirySoon{7 * 24};

  // Reads both files and checks that they belong together. Blocks: not for the loop thread.
  // Errors: what is wrong, with the file's path and how to mend it.
  static Result<Identity> Load(const Files& files);

  Identity(Identity&&) noexcept;
  Identity& operator=(Identity&&) noexcept;
  ~Identity();

  // The certificate's subject, as OpenSSL writes it on one line.
  const std::string& subject() const { return subject_; }
  // When it ends, in seconds since 1970.
  std::int64_t expires_s() const { return expires_s_; }
  // What does not keep it from being used: it is too old or too new, or others can read the key.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // What new connections are made from.
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };

  Identity() = default;

  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
  std::string subject_;
  std::int64_t expires_s_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace summon::dns::tls
