// SPDX-License-Identifier: Apache-2.0
#pragma once
// Messages for the tests of the DNS server: queries octet by octet, and a reader of answers that
// shares no code with the writer under test except for reading names.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "dns/message.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns::test {

using Packet = std::vector<std::uint8_t>;

inline Name N(std::string_view text) { return Name::Parse(text).value(); }

// Two hexadecimal digits an octet; spaces mean nothing.
inline Packet FromHex(std::string_view text) {
  Packet octets;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high >= 0) octets.push_back(static_cast<std::uint8_t>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return octets;
}
inline std::string ToHex(Bytes octets) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : octets) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 0xf];
  }
  return text;
}

// Builds a message piece by piece; counts are set by hand so that they can lie.
class Message {
 public:
  Message& Be16(std::uint16_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes_.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  Message& Be32(std::uint32_t value) {
    return Be16(static_cast<std::uint16_t>(value >> 16)).Be16(static_cast<std::uint16_t>(value));
  }
  Message& Raw(const Packet& octets) {
    bytes_.insert(bytes_.end(), octets.begin(), octets.end());
    return *this;
  }
  struct Counts {
    std::uint16_t questions = 1, answers = 0, authorities = 0, additionals = 0;
  };
  Message& Header(std::uint16_t flags, const Counts& counts) {
    return Be16(0x1234).Be16(flags).Be16(counts.questions).Be16(counts.answers)
        .Be16(counts.authorities).Be16(counts.additionals);
  }
  Message& NameOf(std::string_view text) {
    const Name name = N(text);
    bytes_.insert(bytes_.end(), name.wire().begin(), name.wire().end());
    return *this;
  }
  Message& Question(std::string_view name, RrType type) {
    return NameOf(name).Be16(static_cast<std::uint16_t>(type)).Be16(1);
  }
  struct OptFields {
    std::uint16_t size = 1232;
    std::uint8_t version = 0;
    bool dnssec_ok = false;
    Packet options;
  };
  Message& Opt(const OptFields& fields) {
    Raw({0}).Be16(41).Be16(fields.size);
    Be32(std::uint32_t{fields.version} << 16 | (fields.dnssec_ok ? 0x8000u : 0u));
    return Be16(static_cast<std::uint16_t>(fields.options.size())).Raw(fields.options);
  }
  const Packet& bytes() const { return bytes_; }

 private:
  Packet bytes_;
};

inline constexpr std::uint16_t kRd = 0x0100;

inline Packet PlainQuery(std::string_view name, RrType type) {
  return Message().Header(kRd, {}).Question(name, type).bytes();
}
inline Packet EdnsQuery(std::string_view name, RrType type, const Message::OptFields& opt = {}) {
  return Message().Header(kRd, {.additionals = 1}).Question(name, type).Opt(opt).bytes();
}

inline Arrival FromClient(Transport transport) {
  Arrival arrival;
  arrival.transport = transport;
  arrival.client = Endpoint::Ipv4(Ipv4Address{{192, 0, 2, 7}}, 40'000);
  return arrival;
}

struct AnswerRecord {
  Name owner;
  RrType type{};
  std::uint16_t rr_class = 0;
  std::uint32_t ttl = 0;
  Packet rdata;            // as it stands in the message
  std::size_t rdata_at = 0;
};

// An answer, taken apart.
struct Answer {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t rcode = 0;  // with the upper bits of OPT
  std::optional<Name> question;
  Packet question_octets;
  std::vector<AnswerRecord> answers, authorities, additionals;  // without OPT
  std::optional<AnswerRecord> opt;

  bool aa() const { return flags & 0x0400; }
  bool tc() const { return flags & 0x0200; }
  bool rd() const { return flags & 0x0100; }
  bool ra() const { return flags & 0x0080; }
};

inline bool ReadAnswerRecords(ByteReader& reader, std::size_t count,
                              std::vector<AnswerRecord>& out) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto owner = ReadName(reader);
    const auto type = reader.Be16(), rr_class = reader.Be16();
    const auto ttl = reader.Be32();
    const auto length = reader.Be16();
    const std::size_t at = reader.position();
    const auto rdata = reader.Take(length.value_or(0));
    if (!owner || !ttl || !length || !rdata) return false;
    out.push_back({*owner, static_cast<RrType>(*type), *rr_class, *ttl,
                   Packet(rdata->begin(), rdata->end()), at});
  }
  return true;
}

// Nothing when the message is not a well-formed response that ends where it ends.
inline std::optional<Answer> ReadAnswer(Bytes message) {
  ByteReader reader(message);
  if (message.size() < kHeaderSize) return std::nullopt;
  Answer answer;
  answer.id = *reader.Be16();
  answer.flags = *reader.Be16();
  const std::uint16_t questions = *reader.Be16(), answers = *reader.Be16();
  const std::uint16_t authorities = *reader.Be16(), additionals = *reader.Be16();
  if (!(answer.flags & 0x8000) || questions > 1) return std::nullopt;
  if (questions == 1) {
    answer.question = ReadName(reader);
    if (!answer.question || !reader.Skip(4)) return std::nullopt;
    answer.question_octets.assign(message.begin() + kHeaderSize,
                                  message.begin() + static_cast<long>(reader.position()));
  }
  if (!ReadAnswerRecords(reader, answers, answer.answers) ||
      !ReadAnswerRecords(reader, authorities, answer.authorities) ||
      !ReadAnswerRecords(reader, additionals, answer.additionals) || reader.remaining() != 0) {
    return std::nullopt;
  }
  answer.rcode = answer.flags & 0xf;
  for (std::size_t i = 0; i < answer.additionals.size(); ++i) {
    if (answer.additionals[i].type != RrType::kOpt) continue;
    if (answer.opt) return std::nullopt;
    answer.opt = answer.additionals[i];
    answer.rcode |= static_cast<std::uint16_t>(answer.opt->ttl >> 24 << 4);
    answer.additionals.erase(answer.additionals.begin() + static_cast<long>(i--));
  }
  return answer;
}

}  // namespace summon::dns::test
