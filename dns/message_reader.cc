// SPDX-License-Identifier: Apache-2.0
// Header and record, field by field.
#include "dns/message_reader.h"

#include "dns/message.h"

namespace summon::dns {

std::optional<MessageHeader> ReadHeader(ByteReader& reader) {
  if (reader.remaining() < kHeaderSize) return std::nullopt;
  MessageHeader header;
  header.id = *reader.Be16();
  header.flags = *reader.Be16();
  header.questions = *reader.Be16();
  header.answers = *reader.Be16();
  header.authorities = *reader.Be16();
  header.additionals = *reader.Be16();
  return header;
}

std::optional<MessageRecord> ReadRecord(ByteReader& reader) {
  const auto owner = ReadName(reader);
  if (!owner) return std::nullopt;
  const auto type = reader.Be16();
  const auto rr_class = reader.Be16();
  const auto ttl = reader.Be32();
  const auto length = reader.Be16();
  // A read that fails takes nothing: the TTL may be cut, and its rest look like a length.
  if (!ttl || !length) return std::nullopt;
  const std::size_t at = reader.position();
  const auto rdata = reader.Take(*length);
  if (!rdata) return std::nullopt;
  return MessageRecord{*owner, static_cast<RrType>(*type), *rr_class, *ttl, at, *rdata};
}

}  // namespace summon::dns
