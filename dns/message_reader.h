// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two shapes that queries and replies of upstream servers have in common: the header and a
// resource record (RFC 1035 section 4.1). Pure, like the parsers that are made of them.

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

struct MessageHeader {
  std::uint16_t id, flags, questions, answers, authorities, additionals;
};

// The header at the front of the reader; nothing when it is not all there.
std::optional<MessageHeader> ReadHeader(ByteReader& reader);

struct MessageRecord {
  Name owner;
  RrType type{};
  std::uint16_t rr_class = 0;
  std::uint32_t ttl = 0;
  std::size_t rdata_at = 0;  // where in the message, for names in it that are compressed
  Bytes rdata;               // lies in the message
};

// The next record; nothing when it is malformed or cut, and then nothing is promised about the
// reader's position.
std::optional<MessageRecord> ReadRecord(ByteReader& reader);

}  // namespace summon::dns
