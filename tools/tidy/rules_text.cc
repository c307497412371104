// SPDX-License-Identifier: Apache-2.0
// Rules on lines: how a file opens, how long and wide it is, and which words it has.
#include "base/strings.h"
#include "tools/tidy/tidy.h"

namespace summon::tidy {

namespace {

// Cut in two, so that this file does not break its own rule.
constexpr std::string_view kWorkplaceWords[] = {
    "/"
    "work/",
    "/tmp/"
    "helpers"};

bool IsTest(const std::string& path) { return IsBelow(path, "tests"); }

void CheckOpening(const File& file, std::vector<Finding>& findings) {
  const auto line = [&file](std::size_t i) {
    return i < file.lines.size() ? std::string_view(file.lines[i]) : std::string_view();
  };
  const bool block = line(0).starts_with("/*");
  if (line(0).find("SPDX-License-Identifier: Apache-2.0") == std::string_view::npos) {
    findings.push_back({"spdx", file.path, 1,
                        "the first line must be \"// SPDX-License-Identifier: Apache-2.0\""});
    return;
  }
  std::size_t next = 1;
  if (IsHeader(file.path)) {
    if (line(1) != "#pragma once") {
      findings.push_back(
          {"pragma_once", file.path, 2, "a header's second line must be \"#pragma once\""});
    } else {
      next = 2;
    }
  }
  if (!block && !line(next).starts_with("//")) {
    findings.push_back({"opening_comment", file.path, next + 1,
                        "here a comment must say what the file is for and why it exists"});
  }
}

std::size_t Columns(std::string_view line) {
  std::size_t columns = 0;
  for (const char c : line) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++columns;  // UTF-8 continuation
  }
  return columns;
}

void CheckLine(const File& file, std::size_t index, std::vector<Finding>& findings) {
  const std::string& line = file.lines[index];
  if (Columns(line) > kColumnsMax) {
    findings.push_back({"line_length", file.path, index + 1,
                        StrCat("the line has ", Columns(line), " columns; must be 0..", kColumnsMax,
                               ": break it")});
  }
  if (line.find('\t') != std::string::npos) {
    findings.push_back({"tab", file.path, index + 1, "a tab; indent with spaces"});
  }
  for (const std::string_view word : kWorkplaceWords) {
    if (line.find(word) != std::string::npos) {
      findings.push_back({"workplace", file.path, index + 1,
                          StrCat("\"", word,
                                 "\" is of the place where this was written; the "
                                 "project speaks of itself alone")});
    }
  }
}

}  // namespace

void CheckText(const File& file, std::vector<Finding>& findings) {
  const bool code = IsHeader(file.path) || IsSource(file.path);
  if (code) CheckOpening(file, findings);
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    if (code) {
      CheckLine(file, i, findings);
    } else if (file.lines[i].find(kWorkplaceWords[0]) != std::string::npos) {
      findings.push_back(
          {"workplace", file.path, i + 1,
           "a path of the place where this was written; the project speaks of itself alone"});
    }
  }
  const std::size_t max = IsTest(file.path) ? kTestFileLinesMax : kFileLinesMax;
  if (code && file.lines.size() > max) {
    findings.push_back({"file_size", file.path, 0,
                        StrCat("the file has ", file.lines.size(), " lines; must be 1..", max,
                               ": split it by what its parts are for")});
  }
}

}  // namespace summon::tidy
