// SPDX-License-Identifier: Apache-2.0
// Putting the rules together, and taking the exceptions out.
#include "tools/tidy/tidy.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/strings.h"

namespace summon::tidy {

namespace {

constexpr const char* kExceptions = "tools/tidy_exceptions.txt";

bool HasEnding(const std::string& path, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&path](std::string_view ending) { return path.ends_with(ending); });
}

// "RULE PATH" of each line, with the line's number.
std::map<std::string, std::size_t> ReadExceptions(const Tree& tree,
                                                  std::vector<Finding>& findings) {
  std::map<std::string, std::size_t> exceptions;
  const auto found = tree.find(kExceptions);
  if (found == tree.end()) return exceptions;
  for (std::size_t i = 0; i < found->second.lines.size(); ++i) {
    const std::string& line = found->second.lines[i];
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos || colon + 2 >= line.size()) {
      findings.push_back(
          {"exceptions", kExceptions, i + 1, "an exception needs a reason: RULE PATH: reason"});
      continue;
    }
    exceptions.emplace(line.substr(0, colon), i + 1);
  }
  return exceptions;
}

}  // namespace

std::string Finding::ToString() const {
  return StrCat(path, ':', line, ": [", rule, "] ", message);
}

File MakeFile(std::string path, std::string_view text) {
  File file{std::move(path), {}};
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (const std::string_view line : Split(text, '\n')) file.lines.emplace_back(line);
  return file;
}

bool IsHeader(const std::string& path) { return HasEnding(path, {".h"}); }

bool IsSource(const std::string& path) { return HasEnding(path, {".cc", ".c", ".S"}); }

bool IsBelow(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::vector<Finding> CheckAll(const Tree& tree) {
  std::vector<Finding> all;
  for (const auto& [path, file] : tree) {
    CheckText(file, all);
    CheckCode(file, all);
  }
  CheckTree(tree, all);
  std::vector<Finding> kept;
  const auto exceptions = ReadExceptions(tree, kept);
  std::set<std::string> used;
  for (Finding& finding : all) {
    const std::string key = StrCat(finding.rule, ' ', finding.path);
    if (exceptions.contains(key))
      used.insert(key);
    else
      kept.push_back(std::move(finding));
  }
  for (const auto& [key, line] : exceptions) {
    if (!used.contains(key)) {
      kept.push_back({"exceptions", kExceptions, line,
                      StrCat("\"", key, "\" is not needed any more; remove the line")});
    }
  }
  std::stable_sort(kept.begin(), kept.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.path, a.line) < std::tie(b.path, b.line);
  });
  return kept;
}

}  // namespace summon::tidy
