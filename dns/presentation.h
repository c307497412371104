// SPDX-License-Identifier: Apache-2.0
#pragma once
// Presentation format (RFC 1035 section 5.1): how records are written for people.
//
// Words, quotes, comments, parentheses and escapes, and the values that every kind of record is
// made of. Pure and bounded: text in, tokens and values out.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"

namespace summon::dns {

// A place in a text; both from 1, columns in octets.
struct TextPlace {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

// One word, or what stood between two quotes (without them). Escapes are still in it.
struct Token {
  std::string_view text;
  bool quoted = false;
  TextPlace place;
};

// Takes the lines of a text and gives entries: what stands on one line, or on several between
// parentheses. Keeps its space from entry to entry.
class EntryLexer {
 public:
  // Bounds the memory of one entry. The largest data, 65,535 octets each written as \DDD, has
  // 262,140.
  static constexpr std::size_t kEntryMax = 512 * 1024;

  enum class State : std::uint8_t {
    kComplete,  // the entry ends here; it has no tokens when there was nothing but a comment
    kOpen,      // a parenthesis is open: more lines belong to it
    kBad,       // see problem() and problem_place(); the rest of the entry is of no use
  };

  // One line, without its newline. After anything but kOpen, begins a new entry.
  State AddLine(std::string_view line);

  // Of the entry that is complete; valid until the next AddLine.
  std::span<const Token> tokens() const { return tokens_; }
  // The entry began with a blank: the owner's name is left out.
  bool indented() const { return indented_; }
  // Where the entry began, and where it ended: what is missing is missing there.
  TextPlace end_place() const { return end_place_; }
  // Number of the line that was added last.
  std::uint32_t line() const { return line_; }
  // Where the parenthesis stands that is open.
  TextPlace open_place() const { return open_place_; }

  const std::string& problem() const { return problem_; }
  TextPlace problem_place() const { return problem_place_; }

 private:
  struct Piece {
    std::size_t offset;
    std::size_t size;
    bool quoted;
    TextPlace place;
  };

  bool LexLine(std::string_view line);
  bool TakeWord(std::string_view line, std::size_t& at);
  bool TakeQuoted(std::string_view line, std::size_t& at);
  bool Fail(std::size_t at, std::string problem);
  void AddPiece(std::string_view line, std::size_t begin, std::size_t end, bool quoted);

  std::string entry_;  // the words of the entry
  std::vector<Piece> pieces_;
  std::vector<Token> tokens_;
  bool fresh_ = true;  // the next line begins an entry
  bool indented_ = false;
  int depth_ = 0;
  std::uint32_t line_ = 0;
  TextPlace open_place_;
  TextPlace end_place_;
  std::string problem_;
  TextPlace problem_place_;
};

// One octet off the front of `text`, escape undone; nothing for a bad escape. `escaped` says
// whether there was one.
struct TextOctet {
  std::uint8_t value = 0;
  bool escaped = false;
};
std::optional<TextOctet> TakeTextOctet(std::string_view& text);

// The octets that `text` stands for, appended to `out`; false for a bad escape or more than `max`.
bool AppendUnescaped(std::string_view text, std::size_t max, std::vector<std::uint8_t>& out);

// `octets` between quotes, escaped so that it reads back.
std::string QuoteText(std::string_view octets);

// A name as it stands in a zone file: "@" is `origin`, one without a dot at its end is below it.
// Errors: kInvalid with the cause.
Result<Name> ParseRelativeName(const Token& token, const Name& origin);

// Seconds, or a sum of units: "1w2d3h4m5s", in any case. Nothing when it is not that, or above
// 2^32 - 1.
std::optional<std::uint32_t> ParsePeriod(std::string_view text);

}  // namespace summon::dns
