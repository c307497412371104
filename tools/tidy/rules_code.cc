// SPDX-License-Identifier: Apache-2.0
// Rules on code: functions' sizes, SAFETY comments, skipped tests and TODOs.
//
// There is no parser here. A function is what lies between a line that ends in "{", is no type,
// namespace, enum or array, and the line of the same indentation that begins with "}": right for
// text that clang-format has laid out.
#include <algorithm>
#include <regex>

#include "base/strings.h"
#include "tools/tidy/tidy.h"

namespace summon::tidy {

namespace {

constexpr std::size_t kSafetyLinesAbove = 4;

std::size_t Indent(std::string_view line) {
  const std::size_t at = line.find_first_not_of(' ');
  return at == std::string_view::npos ? 0 : at;
}

// The line without its comment and its string literals, so that words in them do not count.
std::string CodeOf(std::string_view line) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\')
        ++i;
      else if (c == quote)
        quote = 0;
      continue;
    }
    if (c == '/' && i + 1 < line.size() && line[i + 1] == '/') break;
    const bool digit_separator = c == '\'' && i > 0 && std::isxdigit(line[i - 1]) != 0;
    if (c == '"' || (c == '\'' && !digit_separator))
      quote = c;
    else
      out += c;
  }
  return out;
}

// True when the "{" at the end of `line` opens a function's body at the outer levels of a file:
// indentation 0, or 2 inside a class.
bool OpensFunction(const std::string& code) {
  static constexpr std::string_view kOthers[] = {
      "namespace", "class ", "struct ", "enum ", "union ", "extern \"C\"", "extern {", "concept "};
  const std::string_view text = std::string_view(code).substr(Indent(code));
  if (!text.ends_with('{') || Indent(code) > 4) return false;
  for (const std::string_view other : kOthers) {
    if (text.starts_with(other)) return false;
  }
  return text.find(')') != std::string_view::npos && text.find("= {") == std::string_view::npos;
}

void CheckFunctions(const File& file, std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    if (!OpensFunction(CodeOf(file.lines[i]))) continue;
    // A signature of several lines is indented by four beyond its first.
    std::size_t first = i;
    const auto is_continued = [&](std::size_t at) {
      const std::string& line = file.lines[at];
      return Indent(line) > 2 || line.starts_with("    ");
    };
    while (first > 0 && is_continued(first)) --first;
    const std::size_t indent = Indent(file.lines[first]);
    const std::string closer = std::string(indent, ' ') + "}";
    std::size_t last = i + 1;
    while (last < file.lines.size() && !file.lines[last].starts_with(closer)) ++last;
    const std::size_t lines = last - first + 1;
    if (lines > kFunctionLinesMax) {
      findings.push_back({"function_size", file.path, first + 1,
                          StrCat("the function has ", lines, " lines; must be 1..",
                                 kFunctionLinesMax, ": give a part of it a name of its own")});
    }
    i = std::min(last, file.lines.size() - 1);
  }
}

bool HasSafety(const File& file, std::size_t index) {
  const std::size_t first = index >= kSafetyLinesAbove ? index - kSafetyLinesAbove : 0;
  for (std::size_t i = first; i <= index; ++i) {
    if (file.lines[i].find("SAFETY:") != std::string::npos) return true;
  }
  return false;
}

void CheckTodo(const File& file, std::size_t index, std::vector<Finding>& findings) {
  static const std::regex todo("\\bTODO\\b(\\(([a-z]*)\\))?");
  std::smatch match;
  if (!std::regex_search(file.lines[index], match, todo)) return;
  const std::string kind = match[2];
  const bool good = kind == "soon" || kind == "perf" || kind == "port" || kind == "test";
  if (good) return;
  findings.push_back({"todo", file.path, index + 1,
                      kind == "now" ? "a TODO of the kind \"now\" must be done before it lands"
                                    : "a TODO has a kind: soon, perf, port or test"});
}

}  // namespace

void CheckCode(const File& file, std::vector<Finding>& findings) {
  if (!IsHeader(file.path) && !IsSource(file.path)) return;
  const bool rules_themselves =
      IsBelow(file.path, "tools/tidy") || IsBelow(file.path, "tests/tools");
  static const std::regex unsafe("\\breinterpret_cast\\b|\\bmmap\\(");
  static const std::regex bare_skip("GTEST_SKIP\\(\\) *;");
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const std::string code = CodeOf(file.lines[i]);
    if (std::regex_search(code, unsafe) && !HasSafety(file, i)) {
      findings.push_back({"safety", file.path, i + 1,
                          StrCat("reinterpret_cast or mmap without a \"// SAFETY:\" that says why "
                                 "it holds, on the line or the ",
                                 kSafetyLinesAbove, " above")});
    }
    if (std::regex_search(code, bare_skip)) {
      findings.push_back({"skip", file.path, i + 1,
                          "a skipped test must print its reason: GTEST_SKIP() << \"no ...\""});
    }
    if (!rules_themselves) CheckTodo(file, i, findings);
  }
  CheckFunctions(file, findings);
}

}  // namespace summon::tidy
