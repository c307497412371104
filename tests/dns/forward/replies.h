// SPDX-License-Identifier: Apache-2.0
#pragma once
// Replies of upstream servers for tests, put together octet by octet.

#include <string_view>

#include "dns/forward/asker.h"
#include "dns/forward/reply.h"
#include "tests/dns/wire.h"

namespace summon::dns::forward::test {

using dns::test::Message;
using dns::test::N;
using dns::test::Packet;

inline constexpr std::uint16_t kReplyFlags = 0x8180;  // QR, RD, RA
inline constexpr std::uint16_t kNxDomainFlags = 0x8183;
inline constexpr std::uint16_t kId = 0x1234;  // what Message::Header writes

inline Packet Name4(std::string_view text) {
  const Name name = N(text);
  return Packet(name.wire().begin(), name.wire().end());
}

// One record, its owner uncompressed.
struct Rr {
  std::string_view owner;
  RrType type{};
  std::uint32_t ttl = 300;
  Packet data;
};
inline void Add(Message& message, const Rr& record) {
  message.NameOf(record.owner)
      .Be16(static_cast<std::uint16_t>(record.type))
      .Be16(1)
      .Be32(record.ttl)
      .Be16(static_cast<std::uint16_t>(record.data.size()))
      .Raw(record.data);
}
inline Rr A(std::string_view owner, const Packet& address, std::uint32_t ttl = 300) {
  return {owner, RrType::kA, ttl, address};
}
inline Rr Cname(std::string_view owner, std::string_view target, std::uint32_t ttl = 300) {
  return {owner, RrType::kCname, ttl, Name4(target)};
}
inline Rr SoaOf(std::string_view zone, std::uint32_t ttl, std::uint32_t minimum) {
  Packet data = {0, 0};  // both names are the root
  for (const std::uint32_t number : {1u, 2u, 3u, 4u, minimum}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      data.push_back(static_cast<std::uint8_t>(number >> shift));
    }
  }
  return {zone, RrType::kSoa, ttl, data};
}

struct Sections {
  std::vector<Rr> answers, authorities, additionals;
};
// With id kId.
inline Packet ReplyTo(std::string_view name, RrType type, const Sections& sections,
                      std::uint16_t flags = kReplyFlags) {
  const auto count = [](const std::vector<Rr>& list) {
    return static_cast<std::uint16_t>(list.size());
  };
  Message message;
  message.Header(flags, {1, count(sections.answers), count(sections.authorities),
                         count(sections.additionals)});
  message.Question(name, type);
  for (const Rr& record : sections.answers) Add(message, record);
  for (const Rr& record : sections.authorities) Add(message, record);
  for (const Rr& record : sections.additionals) Add(message, record);
  return message.bytes();
}

inline Expected Asked(std::string_view name, RrType type) {
  Expected expected;
  expected.id = kId;
  expected.name = N(name);
  expected.type = type;
  return expected;
}

// The outcome that a good reply makes.
inline Outcome Answered(std::string_view name, RrType type, const Sections& sections,
                        std::uint16_t flags = kReplyFlags) {
  Outcome outcome;
  outcome.answered = true;
  outcome.message = ReplyTo(name, type, sections, flags);
  outcome.reply = std::get<Reply>(ParseReply(outcome.message, Asked(name, type)));
  return outcome;
}

}  // namespace summon::dns::forward::test
