// SPDX-License-Identifier: Apache-2.0
// From text to record data; see the header.
#include "dns/rdata_text.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/strings.h"
#include "dns/binary_text.h"
#include "dns/calendar.h"
#include "dns/rdata_form.h"
#include "dns/svcb.h"

namespace summon::dns {

namespace {

constexpr std::size_t kRdataMax = 65'535;
constexpr std::size_t kStringMax = 255;  // RFC 1035 section 3.3
constexpr std::size_t kShownMax = 80;    // of a wrong word

Error Wrong(const Token& token, std::string_view what) {
  return Error(ErrorCode::kInvalid, StrCat(Quote(token.text.substr(0, kShownMax)), ' ', what));
}

void PutNumber(Rdata& out, std::uint64_t value, std::size_t octets) {
  while (octets-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * octets)));
}

template <typename Address>
bool PutAddress(std::string_view text, Rdata& out) {
  const auto address = Address::Parse(text);
  if (address) out.insert(out.end(), address->octets.begin(), address->octets.end());
  return address.has_value();
}

// What is missing when a field has no word.
std::string_view FieldText(Field field) {
  switch (field) {
    case Field::kU8:
    case Field::kU16:
    case Field::kU32: return "a number";
    case Field::kPeriod: return "a time in seconds, or like 1h30m";
    case Field::kIpv4: return "an IPv4 address";
    case Field::kIpv6: return "an IPv6 address";
    case Field::kName: return "a name";
    case Field::kString:
    case Field::kStrings:
    case Field::kText: return "a text";
    case Field::kTag: return "a tag";
    case Field::kCode: return "a type";
    case Field::kTime: return "a time like 20260131120000";
    case Field::kHex: return "hexadecimal digits";
    case Field::kBase64: return "base64";
    case Field::kTypes: return "types";
    case Field::kSvcParams: return "service parameters";
  }
  return "something";
}

}  // namespace

Result<Token> RdataParser::Next(std::string_view what) {
  if (more()) return tokens_[at_];
  return Error(ErrorCode::kInvalid, StrCat(what, " is missing"));
}

Status RdataParser::ReadNumber(std::uint64_t max, Rdata& out) {
  const Token token = SUMMON_TRY(Next("a number"));
  const auto number = ParseUnsigned(token.text);
  if (!number || *number > max) return Wrong(token, StrCat("is not a number of 0..", max));
  PutNumber(out, *number, max == 0xff ? 1 : max == 0xffff ? 2 : 4);
  ++at_;
  return Ok();
}

Status RdataParser::ReadPeriod(Rdata& out) {
  const Token token = SUMMON_TRY(Next("a time"));
  const auto seconds = ParsePeriod(token.text);
  if (!seconds) return Wrong(token, "is not a time; write seconds, or 1w2d3h4m5s");
  PutNumber(out, *seconds, 4);
  ++at_;
  return Ok();
}

Status RdataParser::ReadTime(Rdata& out) {
  const Token token = SUMMON_TRY(Next("a time"));
  const auto seconds = ParseCalendarTime(token.text);
  if (!seconds) return Wrong(token, "is not a time; write YYYYMMDDHHmmSS, or seconds since 1970");
  PutNumber(out, *seconds, 4);
  ++at_;
  return Ok();
}

Status RdataParser::ReadString(Rdata& out) {
  const Token token = SUMMON_TRY(Next("a text"));
  const std::size_t length_at = out.size();
  out.push_back(0);
  if (!AppendUnescaped(token.text, kStringMax, out)) {
    return Wrong(token, "is longer than 255 octets (cut it into several texts), or has a bad "
                        "escape (write \\DDD with DDD of 000..255)");
  }
  out[length_at] = static_cast<std::uint8_t>(out.size() - length_at - 1);
  ++at_;
  return Ok();
}

Status RdataParser::ReadTag(Rdata& out) {
  const Token token = SUMMON_TRY(Next("a tag"));
  const bool good = !token.text.empty() && token.text.size() <= kStringMax &&
                    std::all_of(token.text.begin(), token.text.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z');
                    });
  if (!good) return Wrong(token, "is not a tag of letters and digits, such as issue");
  return ReadString(out);
}

Status RdataParser::ReadText(Rdata& out) {
  const Token token = SUMMON_TRY(Next("a text"));
  if (!AppendUnescaped(token.text, kRdataMax, out)) {
    return Wrong(token, "has a bad escape; write \\DDD with DDD of 000..255");
  }
  ++at_;
  return Ok();
}

Status RdataParser::ReadBinary(Field field, Rdata& out) {
  const bool is_hex = field == Field::kHex;
  HexReader hex(out);
  Base64Reader base64(out);
  Token token = SUMMON_TRY(Next(is_hex ? "a row of hexadecimal digits" : "base64"));
  for (; more(); ++at_) {
    token = tokens_[at_];
    const bool good = is_hex ? hex.Add(token.text) : base64.Add(token.text);
    if (!good) return Wrong(token, is_hex ? "is not hexadecimal" : "is not base64");
  }
  if (is_hex ? hex.Finish() : base64.Finish()) return Ok();
  --at_;
  return Wrong(token, is_hex ? "ends in half an octet; add or take away a digit"
                             : "ends in the middle of four characters; fill up with =");
}

Status RdataParser::ReadTypes(Rdata& out) {
  constexpr std::size_t kBlock = 256;  // types in one window
  std::set<std::uint16_t> numbers;
  for (; more(); ++at_) {
    const auto type = ParseType(tokens_[at_].text);
    if (!type) return Wrong(tokens_[at_], "is not a type; write one like A or TYPE65280");
    numbers.insert(static_cast<std::uint16_t>(*type));
  }
  std::array<std::uint8_t, kBlock / 8> bits{};
  for (auto number = numbers.begin(); number != numbers.end();) {
    const std::size_t window = *number / kBlock;
    bits.fill(0);
    std::size_t used = 0;
    for (; number != numbers.end() && *number / kBlock == window; ++number) {
      const std::size_t bit = *number % kBlock;
      bits[bit / 8] = static_cast<std::uint8_t>(bits[bit / 8] | 0x80u >> bit % 8);
      used = bit / 8 + 1;
    }
    out.push_back(static_cast<std::uint8_t>(window));
    out.push_back(static_cast<std::uint8_t>(used));
    out.insert(out.end(), bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(used));
  }
  return Ok();
}

// RFC 3597 section 5.
Status RdataParser::ReadGeneric(RrType type, Rdata& out) {
  ++at_;  // the "\#"
  const Token token = SUMMON_TRY(Next("the length in octets"));
  const auto length = ParseUnsigned(token.text);
  if (!length || *length > kRdataMax) return Wrong(token, "is not a length of 0..65535 octets");
  const std::size_t length_at = at_++;
  if (more()) SUMMON_TRY(ReadBinary(Field::kHex, out));
  if (out.size() != *length) {
    at_ = length_at;
    return Wrong(token, StrCat("is the length, but there are ", out.size(), " octets"));
  }
  const Status checked = CheckRdata(type, out);
  if (!checked.ok()) at_ = length_at;
  return checked;
}

Status RdataParser::ReadField(RrType type, Field field, Rdata& out) {
  switch (field) {
    case Field::kU8: return ReadNumber(0xff, out);
    case Field::kU16: return ReadNumber(0xffff, out);
    case Field::kU32: return ReadNumber(0xffff'ffff, out);
    case Field::kPeriod: return ReadPeriod(out);
    case Field::kTime: return ReadTime(out);
    case Field::kTag: return ReadTag(out);
    case Field::kString: return ReadString(out);
    case Field::kText: return ReadText(out);
    case Field::kHex:
    case Field::kBase64: return ReadBinary(field, out);
    case Field::kTypes: return ReadTypes(out);
    case Field::kStrings:
      do SUMMON_TRY(ReadString(out));
      while (more());
      return Ok();
    case Field::kSvcParams: {
      std::size_t failed = 0;
      const Status read = ParseSvcParams(tokens_.subspan(at_), out, failed);
      at_ = read.ok() ? tokens_.size() : at_ + failed;
      return read;
    }
    default: break;
  }
  const Token token = SUMMON_TRY(Next(FieldText(field)));
  switch (field) {
    case Field::kIpv4:
      if (!PutAddress<Ipv4Address>(token.text, out)) {
        return Wrong(token, "is not an IPv4 address; write four numbers like 192.0.2.1");
      }
      break;
    case Field::kIpv6:
      if (!PutAddress<Ipv6Address>(token.text, out)) {
        return Wrong(token, "is not an IPv6 address; write it like 2001:db8::1");
      }
      break;
    case Field::kName: {
      const Name name = SUMMON_TRY(ParseRelativeName(token, origin_));
      out.insert(out.end(), name.wire().begin(), name.wire().end());
      break;
    }
    default: {
      const auto code = ParseType(token.text);
      if (!code) return Wrong(token, StrCat("is not a type of ", TypeText(type)));
      PutNumber(out, static_cast<std::uint16_t>(*code), 2);
    }
  }
  ++at_;
  return Ok();
}

Status RdataParser::Parse(RrType type, Rdata& out) {
  out.clear();
  at_ = 0;
  if (more() && tokens_[0].text == "\\#" && !tokens_[0].quoted) return ReadGeneric(type, out);
  const std::span<const Field> form = FormOf(type);
  if (form.empty()) {
    return Error(ErrorCode::kInvalid,
                 StrCat("data of type ", TypeText(type),
                        " has no text form here; write \\# LENGTH HEX (RFC 3597)"));
  }
  for (const Field field : form) {
    SUMMON_TRY(ReadField(type, field, out));
  }
  if (more()) {
    return Wrong(tokens_[at_], StrCat("is too much: the data of ", TypeText(type),
                                      " is complete before it"));
  }
  if (out.size() > kRdataMax) {
    return Error(ErrorCode::kInvalid,
                 StrCat("the data has ", out.size(), " octets; at most ", kRdataMax));
  }
  return CheckRdata(type, out);  // what no single field can know
}

Result<Rdata> RdataFromText(RrType type, std::string_view text, const Name& origin) {
  EntryLexer lexer;
  if (text.find('\n') != std::string_view::npos) {
    return Error(ErrorCode::kInvalid, "there is a newline in it; write it on one line");
  }
  switch (lexer.AddLine(text)) {
    case EntryLexer::State::kBad: return Error(ErrorCode::kInvalid, lexer.problem());
    case EntryLexer::State::kOpen:
      return Error(ErrorCode::kInvalid, "a parenthesis is not closed");
    case EntryLexer::State::kComplete: break;
  }
  Rdata out;
  SUMMON_TRY(RdataParser(lexer.tokens(), origin).Parse(type, out));
  return out;
}

}  // namespace summon::dns
