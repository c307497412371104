// SPDX-License-Identifier: Apache-2.0
// Decoding replies for comparison; see the header.
#include "tests/differential/reply.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/strings.h"

namespace summon::differential {

namespace {

constexpr std::uint16_t kNs = 2;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kSoa = 6;
constexpr std::uint16_t kPtr = 12;
constexpr std::uint16_t kMx = 15;
constexpr std::uint16_t kSrv = 33;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kFlagAa = 0x0400;
constexpr std::uint16_t kFlagTc = 0x0200;
constexpr int kPointersMax = 64;

Error Nonsense(std::string_view what) {
  return Error(ErrorCode::kInvalid, StrCat("read reply: ", what));
}

struct Record {
  std::string name;
  std::uint16_t type = 0;
  std::uint32_t ttl_s = 0;
  std::string data;
};
std::string Line(const Record& record) {
  return StrCat(record.name, " ", record.ttl_s, " TYPE", record.type, " ", record.data);
}

std::string HexOf(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : bytes) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

// Lower case, with a dot behind each label; other octets than those of host names as hexadecimal.
Result<std::string> ReadName(ByteReader& reader) {
  std::string name;
  ByteReader at = reader;
  bool jumped = false;
  for (int pointers = 0;;) {
    const auto length = at.U8();
    if (!length) return Nonsense("a name ends too early");
    if (*length >= 0xc0) {
      const auto low = at.U8();
      if (!low || ++pointers > kPointersMax) return Nonsense("a pointer leads nowhere");
      if (!jumped) reader = at;
      jumped = true;
      if (!at.Seek(static_cast<std::size_t>((*length & 0x3f) << 8 | *low))) {
        return Nonsense("a pointer leads out");
      }
      continue;
    }
    if (*length > 63) return Nonsense("a label has no known form");
    if (*length == 0) break;
    const auto label = at.Take(*length);
    if (!label) return Nonsense("a label ends too early");
    for (const std::uint8_t octet : *label) {
      const char c = static_cast<char>(octet);
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*';
      name += plain ? ToLower(std::string_view(&c, 1)) : StrCat("\\x", HexOf({&octet, 1}));
    }
    name += '.';
  }
  if (!jumped) reader = at;
  return name.empty() ? std::string(".") : name;
}

// Record data, with the names in it whole.
Result<std::string> ReadData(ByteReader& reader, std::uint16_t type, std::size_t length) {
  const std::size_t end = reader.position() + length;
  const int skipped = type == kMx ? 2 : type == kSrv ? 6 : 0;
  const int names = type == kSoa ? 2
                    : type == kNs || type == kCname || type == kPtr || type == kMx || type == kSrv
                        ? 1
                        : 0;
  std::string text;
  if (const auto fixed = reader.Take(static_cast<std::size_t>(skipped))) text += HexOf(*fixed);
  for (int i = 0; i < names; ++i) text += StrCat(" ", SUMMON_TRY(ReadName(reader)));
  if (reader.position() > end) return Nonsense("data runs over");
  const auto rest = reader.Take(end - reader.position());
  if (!rest) return Nonsense("data ends too early");
  return StrCat(text, " ", HexOf(*rest));
}

struct Reply {
  std::uint16_t flags = 0;
  bool has_opt = false;
  std::uint32_t opt_flags = 0;
  std::array<std::vector<Record>, 3> sections;  // answer, authority, additional
};

Result<Reply> Read(Bytes bytes, const Question& question, std::uint16_t id) {
  ByteReader reader(bytes);
  Reply reply;
  if (reader.Be16() != id) return Nonsense("another id");
  const auto flags = reader.Be16();
  if (!flags || (*flags & 0x8000) == 0) return Nonsense("not a reply");
  reply.flags = *flags;
  if (reader.Be16() != 1) return Nonsense("not one question");
  std::array<std::uint16_t, 3> counts{};
  for (std::uint16_t& count : counts) count = reader.Be16().value_or(0);
  const std::vector<std::uint8_t> asked = WriteQuery(question, id);
  // The question comes back octet for octet, case and all.
  const std::size_t asked_end = asked.size() - (question.edns ? 11 : 0);
  const Bytes question_part = Bytes(asked).subspan(12, asked_end - 12);
  const auto echoed = reader.Take(question_part.size());
  if (!echoed || !std::equal(echoed->begin(), echoed->end(), question_part.begin())) {
    return Nonsense("another question");
  }
  for (std::size_t section = 0; section < counts.size(); ++section) {
    for (int i = 0; i < counts[section]; ++i) {
      Record record;
      record.name = SUMMON_TRY(ReadName(reader));
      const auto type = reader.Be16();
      const auto rr_class = reader.Be16();
      const auto ttl = reader.Be32();
      const auto length = reader.Be16();
      if (!type || !rr_class || !ttl || !length) return Nonsense("a record ends too early");
      record.type = *type;
      record.ttl_s = *ttl;
      record.data = SUMMON_TRY(ReadData(reader, *type, *length));
      if (*type == kOpt) {
        reply.has_opt = true;
        reply.opt_flags = *ttl;
      } else {
        reply.sections[section].push_back(std::move(record));
      }
    }
  }
  if (reader.remaining() != 0) return Nonsense("something stands behind it");
  return reply;
}

std::string Lines(std::string_view title, const std::vector<Record>& records) {
  std::set<std::string> lines;
  for (const Record& record : records) lines.insert(Line(record));
  std::string text;
  for (const std::string& line : lines) text += StrCat("\n  ", title, " ", line);
  return text;
}

}  // namespace

std::string Describe(const Question& question) {
  return StrCat(question.name, " TYPE", question.type, question.edns ? " EDNS" : "",
                question.wants_dnssec ? " DO" : "");
}

std::vector<std::uint8_t> WriteQuery(const Question& question, std::uint16_t id) {
  std::vector<std::uint8_t> query = {static_cast<std::uint8_t>(id >> 8),
                                     static_cast<std::uint8_t>(id), 0, 0, 0, 1, 0, 0, 0, 0, 0,
                                     static_cast<std::uint8_t>(question.edns ? 1 : 0)};
  for (const std::string_view label : Split(question.name, '.')) {
    if (label.empty()) continue;
    query.push_back(static_cast<std::uint8_t>(label.size()));
    query.insert(query.end(), label.begin(), label.end());
  }
  query.insert(query.end(), {0, static_cast<std::uint8_t>(question.type >> 8),
                             static_cast<std::uint8_t>(question.type), 0, 1});
  if (question.edns) {
    const std::uint8_t flags = question.wants_dnssec ? 0x80 : 0;
    query.insert(query.end(), {0, 0, kOpt, 0x04, 0xd0, 0, 0, flags, 0, 0, 0});
  }
  return query;
}

Result<std::string> Essence(Bytes bytes, const Question& question, std::uint16_t id) {
  const Reply reply = SUMMON_TRY(Read(bytes, question, id));
  const auto& [answers, authorities, additionals] = reply.sections;
  std::string text = StrCat("flags ", Hex(reply.flags), reply.has_opt ? ", OPT" : "",
                            (reply.opt_flags & 0x8000) != 0 ? " DO" : "");
  // Who has to ask again over TCP gets all or nothing of it here, as each server likes.
  if ((reply.flags & kFlagTc) != 0) return text;
  text += Lines("answer", answers);
  const bool referral = (reply.flags & kFlagAa) == 0 && answers.empty() && !authorities.empty();
  const bool negative = std::any_of(authorities.begin(), authorities.end(),
                                    [](const Record& record) { return record.type == kSoa; });
  if (referral || negative) text += Lines("authority", authorities);
  if (referral) text += Lines("glue", additionals);
  return text;
}

}  // namespace summon::differential
