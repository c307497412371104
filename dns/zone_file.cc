// SPDX-License-Identifier: Apache-2.0
// Entries of zone files; see the header.
#include "dns/zone_file.h"

#include "base/strings.h"

namespace summon::dns {

namespace {

constexpr std::size_t kShownMax = 80;         // of a wrong word
constexpr std::size_t kSoaMinimumSize = 4;    // the last field of the data
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string Shown(const Token& token) { return Quote(token.text.substr(0, kShownMax)); }

bool EqualsIgnoringCase(std::string_view text, std::string_view upper) {
  if (text.size() != upper.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != upper[i]) return false;
  }
  return true;
}

enum class ClassWord { kNone, kIn, kOther };

ClassWord ClassOf(std::string_view text) {
  constexpr std::string_view kGeneric = "CLASS";
  if (EqualsIgnoringCase(text, "IN")) return ClassWord::kIn;
  for (const std::string_view other : {"CH", "HS", "CS", "NONE", "ANY"}) {
    // ANY and NONE are no types of data either.
    if (EqualsIgnoringCase(text, other)) return ClassWord::kOther;
  }
  if (!EqualsIgnoringCase(text.substr(0, kGeneric.size()), kGeneric)) return ClassWord::kNone;
  const auto number = ParseUnsigned(text.substr(kGeneric.size()));
  if (!number || *number > 65'535) return ClassWord::kNone;
  return *number == static_cast<unsigned>(RrClass::kIn) ? ClassWord::kIn : ClassWord::kOther;
}

}  // namespace

std::string ZoneFileProblem::ToString() const {
  if (place.line == 0) return StrCat(file, ": ", message);
  return StrCat(file, ':', place.line, ':', place.column, ": ", message);
}

void ZoneFileProblems::Add(ZoneFileProblem problem) {
  if (!full()) list_.push_back(std::move(problem));
}

ZoneFileParser::ZoneFileParser(Start start, const Hooks& hooks, ZoneFileProblems& problems)
    : file_(std::move(start.file)),
      hooks_(hooks),
      problems_(problems),
      origin_(start.origin),
      default_ttl_(start.default_ttl) {}

void ZoneFileParser::ReportAt(TextPlace place, std::string message) {
  problems_.Add({file_, place, std::move(message)});
}

void ZoneFileParser::Report(std::size_t token, std::string message) {
  const auto tokens = lexer_.tokens();
  ReportAt(token < tokens.size() ? tokens[token].place : lexer_.end_place(), std::move(message));
}

bool ZoneFileParser::AddLine(std::string_view line) {
  if (skipping_) return false;
  if (lexer_.line() == 0 && line.starts_with(kByteOrderMark)) line.remove_prefix(3);
  switch (lexer_.AddLine(line)) {
    case EntryLexer::State::kOpen: open_ = true; break;
    case EntryLexer::State::kBad:
      ReportAt(lexer_.problem_place(), lexer_.problem());
      // Behind a parenthesis that may or may not be closed, nothing can be told for certain.
      skipping_ = open_;
      open_ = false;
      break;
    case EntryLexer::State::kComplete:
      open_ = false;
      ReadEntry();
      break;
  }
  if (problems_.full()) skipping_ = true;
  return !skipping_;
}

void ZoneFileParser::Finish() {
  if (open_) ReportAt(lexer_.open_place(), "this parenthesis is not closed; add a )");
  open_ = false;
}

void ZoneFileParser::ReadEntry() {
  const auto tokens = lexer_.tokens();
  if (tokens.empty()) return;
  const Token& first = tokens.front();
  if (!lexer_.indented() && !first.quoted && first.text.starts_with('$')) {
    ReadDirective();
  } else {
    ReadRecord();
  }
}

void ZoneFileParser::ReadDirective() {
  const auto tokens = lexer_.tokens();
  const std::string_view directive = tokens[0].text;
  if (EqualsIgnoringCase(directive, "$INCLUDE")) return ReadInclude();
  const bool is_origin = EqualsIgnoringCase(directive, "$ORIGIN");
  if (!is_origin && !EqualsIgnoringCase(directive, "$TTL")) {
    return Report(0, StrCat(Shown(tokens[0]), " is no directive here; there are $ORIGIN, $TTL and "
                                              "$INCLUDE (write out what $GENERATE would make)"));
  }
  if (tokens.size() != 2) {
    return Report(tokens.size() < 2 ? 1 : 2,
                  StrCat(directive, " has one value, ",
                         is_origin ? "a name" : "a time such as 3600 or 1h"));
  }
  if (is_origin) {
    const auto origin = ParseRelativeName(tokens[1], origin_);
    if (!origin.ok()) return Report(1, origin.error().message());
    origin_ = *origin;
    return;
  }
  const auto ttl = ParsePeriod(tokens[1].text);
  if (!ttl || *ttl > ZoneTable::Builder::kTtlMax) {
    return Report(1, StrCat(Shown(tokens[1]), " is not a time of 0..", ZoneTable::Builder::kTtlMax,
                            " seconds; write seconds, or 1w2d3h4m5s"));
  }
  default_ttl_ = ttl;
}

void ZoneFileParser::ReadInclude() {
  constexpr std::size_t kWordsMax = 3;
  const auto tokens = lexer_.tokens();
  if (tokens.size() < 2 || tokens.size() > kWordsMax) {
    return Report(tokens.size() < 2 ? 1 : kWordsMax, "$INCLUDE has a file, then maybe an origin");
  }
  ZoneFileInclude include{std::string(tokens[1].text), origin_, default_ttl_};
  if (tokens.size() == kWordsMax) {
    const auto origin = ParseRelativeName(tokens[2], origin_);
    if (!origin.ok()) return Report(2, origin.error().message());
    include.origin = *origin;
  }
  if (!hooks_.on_include) {
    return Report(0, "$INCLUDE is not possible here; put its records in this file");
  }
  const Status included = hooks_.on_include(include);
  if (!included.ok()) Report(1, included.error().message());
}

bool ZoneFileParser::ReadOwner() {
  if (lexer_.indented()) {
    if (has_owner_) return true;
    Report(0, "there is no name above that this record could belong to; write one in column 1");
    return false;
  }
  const auto owner = ParseRelativeName(lexer_.tokens()[0], origin_);
  has_owner_ = owner.ok();
  if (!owner.ok()) {
    Report(0, owner.error().message());
    return false;
  }
  record_.owner = *owner;
  return true;
}

// Takes the word at `at` when it is a TTL or a class. False after a report.
bool ZoneFileParser::ReadTtlOrClass(std::size_t at, bool& found) {
  const Token& token = lexer_.tokens()[at];
  const bool is_number = !token.text.empty() && token.text[0] >= '0' && token.text[0] <= '9';
  found = !token.quoted && is_number && !ttl_;
  if (found) {
    ttl_ = ParsePeriod(token.text);
    if (ttl_ && *ttl_ <= ZoneTable::Builder::kTtlMax) return true;
    Report(at, StrCat(Shown(token), " stands where a TTL may, but is not a time of 0..",
                      ZoneTable::Builder::kTtlMax, " seconds; write seconds, or 1w2d3h4m5s"));
    return false;
  }
  const ClassWord word = token.quoted || has_class_ ? ClassWord::kNone : ClassOf(token.text);
  found = word == ClassWord::kIn;
  has_class_ = has_class_ || found;
  if (word != ClassWord::kOther) return true;
  Report(at, StrCat("class ", Shown(token), " is not served; only IN is"));
  return false;
}

std::optional<std::size_t> ZoneFileParser::ReadHead() {
  const auto tokens = lexer_.tokens();
  ttl_.reset();
  has_class_ = false;
  if (!ReadOwner()) return std::nullopt;
  std::size_t at = lexer_.indented() ? 0 : 1;
  for (bool found = true; found && at < tokens.size();) {
    if (!ReadTtlOrClass(at, found)) return std::nullopt;
    if (found) ++at;
  }
  if (at == tokens.size()) {
    Report(at, "a type and its data are missing; an entry is: owner TTL class type data");
    return std::nullopt;
  }
  const auto type = tokens[at].quoted ? std::nullopt : ParseType(tokens[at].text);
  if (!type) {
    Report(at, StrCat(Shown(tokens[at]), " is no type; an entry is: owner TTL class type data, "
                                         "with types that have no name here as TYPE123"));
    return std::nullopt;
  }
  record_.type = *type;
  return at + 1;
}

// `at` is where a TTL should have been.
bool ZoneFileParser::CompleteTtl(std::size_t at) {
  if (!ttl_) ttl_ = default_ttl_ ? default_ttl_ : last_ttl_;
  const Rdata& data = record_.rdata;
  if (!ttl_ && record_.type == RrType::kSoa) {
    // Files from before RFC 2308 have no $TTL; the SOA's MINIMUM was what it is now.
    ByteReader reader(Bytes(data).last(kSoaMinimumSize));
    ttl_ = std::min(*reader.Be32(), ZoneTable::Builder::kTtlMax);
    last_ttl_ = ttl_;
  }
  if (!ttl_) {
    Report(at, "the record has no TTL; write $TTL 1h at the top of the file, or one before the "
               "type");
    return false;
  }
  record_.ttl = *ttl_;
  return true;
}

void ZoneFileParser::ReadRecord() {
  const auto head = ReadHead();
  if (!head) return;
  const bool stated = ttl_.has_value();
  RdataParser parser(lexer_.tokens().subspan(*head), origin_);
  const Status read = parser.Parse(record_.type, record_.rdata);
  if (!read.ok()) {
    return Report(*head + parser.at(),
                  StrCat(TypeText(record_.type), ": ", read.error().message()));
  }
  if (!CompleteTtl(*head - 1)) return;
  if (stated) last_ttl_ = ttl_;
  const Status taken = hooks_.on_record(record_);
  if (!taken.ok()) Report(0, taken.error().message());
}

}  // namespace summon::dns
