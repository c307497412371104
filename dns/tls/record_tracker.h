// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a TLS stream stands between two records, or inside of one.
//
// OpenSSL does not tell; and who sends a record octet by octet must not be taken for idle. Reads
// the lengths of records only (RFC 8446 section 5.1, the same in TLS 1.2). Pure.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace summon::dns::tls {

class RecordTracker {
 public:
  static constexpr std::size_t kHeadSize = 5;  // type, version, length

  void Feed(Bytes octets) {
    while (!octets.empty()) {
      if (head_ < kHeadSize) {
        // The length is the last two octets of the head.
        if (head_ >= kHeadSize - 2) body_ = (body_ << 8 | octets.front()) & 0xffff;
        ++head_;
        octets = octets.subspan(1);
      } else {
        const std::size_t count = std::min(body_, octets.size());
        body_ -= count;
        octets = octets.subspan(count);
      }
      if (head_ == kHeadSize && body_ == 0) head_ = 0;
    }
  }

  bool inside() const { return head_ > 0; }

 private:
  std::size_t head_ = 0;  // octets of the record's head that have come
  std::size_t body_ = 0;  // octets of its body that have not
};

}  // namespace summon::dns::tls
