// SPDX-License-Identifier: Apache-2.0
// Words of presentation format; see the header.
#include "dns/presentation.h"

#include <array>

#include "base/strings.h"

namespace summon::dns {

namespace {

constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What a word ends before.
constexpr bool EndsWord(char c) {
  return IsBlank(c) || c == ';' || c == '(' || c == ')' || c == '"';
}

constexpr bool IsControl(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return (octet < ' ' && c != '\t') || octet == 0x7f;
}

}  // namespace

bool EntryLexer::Fail(std::size_t at, std::string problem) {
  problem_ = std::move(problem);
  problem_place_ = {line_, static_cast<std::uint32_t>(at + 1)};
  return false;
}

void EntryLexer::AddPiece(std::string_view line, std::size_t begin, std::size_t end, bool quoted) {
  const std::size_t start = quoted ? begin - 1 : begin;
  pieces_.push_back({entry_.size(), end - begin, quoted,
                     {line_, static_cast<std::uint32_t>(start + 1)}});
  entry_.append(line.substr(begin, end - begin));
}

bool EntryLexer::TakeQuoted(std::string_view line, std::size_t& at) {
  const std::size_t quote = at++;
  while (at < line.size() && line[at] != '"') {
    if (IsControl(line[at])) break;
    at += line[at] == '\\' ? 2 : 1;
  }
  if (at < line.size() && line[at] == '"') {
    ++at;
    return true;
  }
  if (at < line.size()) {
    return Fail(at, StrCat("octet ", static_cast<int>(line[at]),
                           " is no text; write it as \\DDD, in decimal"));
  }
  return Fail(quote, "the quote is not closed on its line; add a \", or write \\010 for a newline");
}

bool EntryLexer::TakeWord(std::string_view line, std::size_t& at) {
  const std::size_t begin = at;
  while (at < line.size() && !EndsWord(line[at])) {
    if (IsControl(line[at])) {
      return Fail(at, StrCat("octet ", static_cast<int>(line[at]),
                             " is no text; write it as \\DDD, in decimal"));
    }
    if (line[at] == '\\' && at + 1 == line.size()) {
      return Fail(at, "nothing follows the backslash; write \\\\ for a backslash");
    }
    at += line[at] == '\\' ? 2 : 1;
    // A service parameter's value may be quoted (RFC 9460 section 2.1); the quotes stay in.
    if (at < line.size() && line[at] == '"' && line[at - 1] == '=') {
      if (!TakeQuoted(line, at)) return false;
      break;
    }
  }
  if (at < line.size() && line[at] == '"') {
    return Fail(at, "a quote inside of a word; put a blank before it, or write \\\"");
  }
  AddPiece(line, begin, at, /*quoted=*/false);
  return true;
}

bool EntryLexer::LexLine(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size()) {
    const char c = line[at];
    if (c == ';') break;
    if (IsBlank(c)) {
      ++at;
    } else if (c == '(') {
      if (depth_++ == 0) open_place_ = {line_, static_cast<std::uint32_t>(at + 1)};
      ++at;
    } else if (c == ')') {
      if (depth_-- == 0) return Fail(at, "no parenthesis is open here; take this one away");
      ++at;
    } else if (c == '"') {
      const std::size_t begin = at + 1;
      if (!TakeQuoted(line, at)) return false;
      AddPiece(line, begin, at - 1, /*quoted=*/true);
    } else if (!TakeWord(line, at)) {
      return false;
    }
  }
  end_place_ = {line_, static_cast<std::uint32_t>(at + 1)};
  return true;
}

EntryLexer::State EntryLexer::AddLine(std::string_view line) {
  ++line_;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (fresh_) {
    entry_.clear();
    pieces_.clear();
    tokens_.clear();
    depth_ = 0;
    indented_ = !line.empty() && IsBlank(line.front());
  }
  fresh_ = true;
  if (entry_.size() + line.size() > kEntryMax) {
    (void)Fail(0, StrCat("the entry has more than ", kEntryMax, " octets; no record is so long"));
    return State::kBad;
  }
  if (!LexLine(line)) return State::kBad;
  if (depth_ > 0) {
    fresh_ = false;
    return State::kOpen;
  }
  for (const Piece& piece : pieces_) {
    tokens_.push_back({std::string_view(entry_).substr(piece.offset, piece.size), piece.quoted,
                       piece.place});
  }
  return State::kComplete;
}

std::optional<TextOctet> TakeTextOctet(std::string_view& text) {
  const char first = text.front();
  text.remove_prefix(1);
  if (first != '\\') return TextOctet{static_cast<std::uint8_t>(first), false};
  if (text.empty()) return std::nullopt;
  if (!IsDigit(text.front())) {
    const auto literal = static_cast<std::uint8_t>(text.front());
    text.remove_prefix(1);
    return TextOctet{literal, true};
  }
  constexpr std::size_t kDigits = 3;
  if (text.size() < kDigits || !IsDigit(text[1]) || !IsDigit(text[2])) return std::nullopt;
  const int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  text.remove_prefix(kDigits);
  if (value > 255) return std::nullopt;
  return TextOctet{static_cast<std::uint8_t>(value), true};
}

bool AppendUnescaped(std::string_view text, std::size_t max, std::vector<std::uint8_t>& out) {
  for (std::size_t count = 0; !text.empty(); ++count) {
    const auto octet = TakeTextOctet(text);
    if (!octet || count == max) return false;
    out.push_back(octet->value);
  }
  return true;
}

std::string QuoteText(std::string_view octets) {
  std::string out = "\"";
  for (const char c : octets) {
    const auto octet = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (octet >= ' ' && octet < 0x7f) {
      out += c;
    } else {
      out += '\\';
      out += static_cast<char>('0' + octet / 100);
      out += static_cast<char>('0' + octet / 10 % 10);
      out += static_cast<char>('0' + octet % 10);
    }
  }
  out += '"';
  return out;
}

Result<Name> ParseRelativeName(const Token& token, const Name& origin) {
  std::string_view text = token.text;
  const auto refuse = [&token](std::string_view cause) {
    constexpr std::size_t kShownMax = 80;
    return Error(ErrorCode::kInvalid,
                 StrCat("name ", Quote(token.text.substr(0, kShownMax)), ' ', cause));
  };
  if (text.empty()) return refuse("is empty; the root is \".\"");
  if (text == "@" && !token.quoted) return origin;
  if (text == ".") return Name();
  NameBuilder builder;
  std::array<std::uint8_t, Name::kLabelMax> label;
  std::size_t size = 0;
  bool absolute = false;
  while (!text.empty()) {
    const auto octet = TakeTextOctet(text);
    if (!octet) return refuse("has a bad escape; write \\DDD with DDD of 000..255, or \\X");
    const bool is_dot = octet->value == '.' && !octet->escaped;
    if (!is_dot) {
      if (size == label.size()) return refuse("has a label of more than 63 octets");
      label[size++] = octet->value;
      if (!text.empty()) continue;
    }
    if (size == 0) return refuse("has an empty label; take one of the dots away");
    if (!builder.Append(Bytes(label.data(), size))) return refuse("has more than 255 octets");
    size = 0;
    absolute = is_dot && text.empty();
  }
  if (absolute) return builder.Finish();
  for (Name at = origin; !at.is_root(); at = at.Parent()) {
    if (builder.Append(at.first_label())) continue;
    return refuse(StrCat("has more than 255 octets with its origin ", origin.ToText(),
                         "; end it in a dot when it is complete"));
  }
  return builder.Finish();
}

std::optional<std::uint32_t> ParsePeriod(std::string_view text) {
  constexpr std::uint64_t kMax = 0xffff'ffff;
  if (text.empty() || !IsDigit(text.front())) return std::nullopt;
  std::uint64_t sum = 0;
  while (!text.empty()) {
    std::uint64_t number = 0;
    if (!IsDigit(text.front())) return std::nullopt;
    while (!text.empty() && IsDigit(text.front())) {
      number = number * 10 + static_cast<std::uint64_t>(text.front() - '0');
      if (number > kMax) return std::nullopt;
      text.remove_prefix(1);
    }
    std::uint64_t unit = 1;
    if (!text.empty()) {
      switch (text.front() | 0x20) {  // in lower case
        case 's': unit = 1; break;
        case 'm': unit = 60; break;
        case 'h': unit = 3'600; break;
        case 'd': unit = 86'400; break;
        case 'w': unit = 604'800; break;
        default: return std::nullopt;
      }
      text.remove_prefix(1);
    }
    sum += number * unit;
    if (sum > kMax) return std::nullopt;
  }
  return static_cast<std::uint32_t>(sum);
}

}  // namespace summon::dns
