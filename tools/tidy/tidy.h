// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rules of STYLE.md that a machine can check, as pure functions over a tree of files.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace summon::tidy {

// Bounds of the style guide.
inline constexpr std::size_t kFileLinesMax = 500;
inline constexpr std::size_t kTestFileLinesMax = 800;
inline constexpr std::size_t kFunctionLinesMax = 60;
inline constexpr std::size_t kColumnsMax = 100;

// One violation. `line` is 1-based; 0 is the file as a whole.
struct Finding {
  std::string rule;
  std::string path;
  std::size_t line = 0;
  std::string message;  // what, why, how to mend it

  std::string ToString() const;  // "path:line: [rule] message"
};

struct File {
  std::string path;  // from the root, with "/"
  std::vector<std::string> lines;
};

// All files by path. The rules read nothing else.
using Tree = std::map<std::string, File>;

File MakeFile(std::string path, std::string_view text);
bool IsHeader(const std::string& path);
bool IsSource(const std::string& path);  // C++ or C, not a header
// True when `path` lies in `folder`, or is it.
bool IsBelow(std::string_view path, std::string_view folder);

// rules_text.cc: opening lines, widths, sizes, words.
void CheckText(const File& file, std::vector<Finding>& findings);
// rules_code.cc: functions' sizes, SAFETY comments, skips, TODOs.
void CheckCode(const File& file, std::vector<Finding>& findings);
// rules_tree.cc: layers, rooms, dead files, the specification.
void CheckTree(const Tree& tree, std::vector<Finding>& findings);

// Everything, without what tools/tidy_exceptions.txt allows; an exception that is not needed, or
// has no reason, is a finding too. In the order of the paths.
std::vector<Finding> CheckAll(const Tree& tree);

}  // namespace summon::tidy
