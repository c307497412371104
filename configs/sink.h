// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the loader's steps leave what they find wrong, and the text it refers to.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "configs/load.h"

namespace summon::configs {

// A place in the text; 1-based, columns in bytes. {0, 0} is the file as a whole.
struct Place {
  int line = 0;
  int column = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// The configuration's text, by lines.
class Source final {
 public:
  Source(std::string file, std::string_view text);

  const std::string& file() const { return file_; }
  std::string_view text() const { return text_; }
  // A line without its newline; empty past the end.
  std::string_view Line(int line) const;
  // protobuf counts a tab as up to eight columns; this counts bytes. `line` and `tab_column` are
  // 0-based as protobuf's are.
  Place FromProtobuf(int line, int tab_column) const;
  // The place of the byte at `offset`, which lies in `line` (0-based).
  Place AtOffset(int line, std::size_t offset) const;
  // The first place of `needle` at or after `from`, within the next few lines; else `from`.
  Place Find(Place from, std::string_view needle) const;
  // "file:line:column".
  std::string Describe(Place place) const;

 private:
  std::string file_;
  std::string_view text_;
  std::vector<std::size_t> line_starts_;
  bool has_tabs_;
};

class Sink final {
 public:
  explicit Sink(const Source& source) : source_(source) {}

  const Source& source() const { return source_; }
  bool has_errors() const { return !errors_.empty(); }
  // True when nothing that is added will be shown any more: work may stop.
  bool full() const { return errors_.size() >= kDiagnosticsMax; }

  void Error(Place place, std::string message, std::string hint = {});
  void Warning(Place place, std::string message, std::string hint = {});

  // What was collected, in the order of the text; says so when some were left out.
  std::vector<Diagnostic> TakeErrors();
  std::vector<Diagnostic> TakeWarnings();

 private:
  Diagnostic Make(Place place, Severity severity, std::string message, std::string hint) const;

  const Source& source_;
  std::vector<Diagnostic> errors_;
  std::vector<Diagnostic> warnings_;
  std::size_t errors_dropped_ = 0;
  std::size_t warnings_dropped_ = 0;
};

}  // namespace summon::configs
