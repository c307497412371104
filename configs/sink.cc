// SPDX-License-Identifier: Apache-2.0
// Collecting diagnostics and showing them with their source line.
#include "configs/sink.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/strings.h"

namespace summon::configs {

namespace {

constexpr std::size_t kShownLineMax = 160;  // longer source lines are cut in messages
constexpr int kFindLinesMax = 8;

std::vector<Diagnostic> Take(std::vector<Diagnostic>& collected, std::size_t dropped) {
  std::stable_sort(collected.begin(), collected.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.line, a.column) < std::tie(b.line, b.column);
                   });
  if (dropped > 0 && !collected.empty()) {
    // The last one makes room for the count.
    Diagnostic& last = collected.back();
    last.message = StrCat(dropped + 1, " more like these are not shown");
    last.line = last.column = 0;
    last.hint.clear();
    last.source_line.clear();
  }
  return std::exchange(collected, {});
}

// Control bytes would disturb the operator's terminal.
std::string Printable(std::string_view line) {
  std::string out(line.substr(0, kShownLineMax));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

std::string PadLeft(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

}  // namespace

Source::Source(std::string file, std::string_view text)
    : file_(std::move(file)), text_(text), has_tabs_(text.find('\t') != std::string_view::npos) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

std::string_view Source::Line(int line) const {
  if (line < 1 || static_cast<std::size_t>(line) > line_starts_.size()) return {};
  const std::string_view rest = text_.substr(line_starts_[static_cast<std::size_t>(line) - 1]);
  std::string_view found = rest.substr(0, rest.find('\n'));
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

Place Source::FromProtobuf(int line, int tab_column) const {
  constexpr int kTabWidth = 8;  // as in google/protobuf/io/tokenizer.cc
  if (line < 0) return {};
  if (!has_tabs_) return {line + 1, tab_column + 1};
  int reached = 0;
  int bytes = 0;
  for (const char c : Line(line + 1)) {
    if (reached >= tab_column) break;
    reached += c == '\t' ? kTabWidth - reached % kTabWidth : 1;
    ++bytes;
  }
  return {line + 1, bytes + 1};
}

Place Source::AtOffset(int line, std::size_t offset) const {
  return {line + 1, static_cast<int>(offset - line_starts_[static_cast<std::size_t>(line)]) + 1};
}

Place Source::Find(Place from, std::string_view needle) const {
  for (int line = from.line; line < from.line + kFindLinesMax; ++line) {
    const std::size_t begin =
        line == from.line && from.column > 0 ? static_cast<std::size_t>(from.column) - 1 : 0;
    const std::size_t at = Line(line).find(needle, begin);
    if (at != std::string_view::npos) return {line, static_cast<int>(at) + 1};
  }
  return from;
}

std::string Source::Describe(Place place) const {
  if (place.line == 0) return file_;
  return StrCat(file_, ':', place.line, ':', place.column);
}

Diagnostic Sink::Make(Place place, Severity severity, std::string message, std::string hint) const {
  Diagnostic made;
  made.file = source_.file();
  made.line = place.line;
  made.column = place.column;
  made.severity = severity;
  made.message = std::move(message);
  made.hint = std::move(hint);
  made.source_line = Printable(source_.Line(place.line));
  return made;
}

void Sink::Error(Place place, std::string message, std::string hint) {
  if (full()) {
    ++errors_dropped_;
    return;
  }
  errors_.push_back(Make(place, Severity::kError, std::move(message), std::move(hint)));
}

void Sink::Warning(Place place, std::string message, std::string hint) {
  if (warnings_.size() >= kDiagnosticsMax) {
    ++warnings_dropped_;
    return;
  }
  warnings_.push_back(Make(place, Severity::kWarning, std::move(message), std::move(hint)));
}

std::vector<Diagnostic> Sink::TakeErrors() { return Take(errors_, errors_dropped_); }

std::vector<Diagnostic> Sink::TakeWarnings() { return Take(warnings_, warnings_dropped_); }

std::string Diagnostic::ToString() const {
  std::string out = line > 0 ? StrCat(file, ':', line, ':', column, ": ") : StrCat(file, ": ");
  if (severity == Severity::kWarning) out += "warning: ";
  out += message;
  if (line == 0 || source_line.empty()) {
    if (!hint.empty()) out += StrCat(" (", hint, ')');
    return out;
  }
  constexpr std::size_t kGutter = 5;
  const std::size_t indent = std::min(static_cast<std::size_t>(column) - 1, source_line.size());
  out += StrCat('\n', PadLeft(StrCat(line), kGutter), " | ", source_line);
  out += StrCat('\n', std::string(kGutter, ' '), " | ", std::string(indent, ' '), '^');
  if (!hint.empty()) out += StrCat(' ', hint);
  return out;
}

std::string LoadOutcome::ToString() const {
  std::string out;
  for (const Diagnostic& error : errors) out += error.ToString() + '\n';
  for (const Diagnostic& warning : warnings) out += warning.ToString() + '\n';
  return out;
}

}  // namespace summon::configs
