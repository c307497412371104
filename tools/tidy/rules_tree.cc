// SPDX-License-Identifier: Apache-2.0
// Rules on files together: layers, third-party rooms, dead files, the specification.
#include <algorithm>
#include <optional>
#include <regex>
#include <set>

#include "base/strings.h"
#include "tools/tidy/tidy.h"

namespace summon::tidy {

namespace {

constexpr const char* kLayers = "tools/layers.txt";
constexpr const char* kSpecification = "SPECIFICATION.md";

struct Layers {
  std::map<std::string, std::vector<std::string>> allowed;              // by folder
  std::vector<std::pair<std::string, std::vector<std::string>>> rooms;  // by header's pattern
};

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : Split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

Layers ReadLayers(const Tree& tree) {
  Layers layers;
  const auto found = tree.find(kLayers);
  if (found == tree.end()) return layers;
  for (const std::string_view line : found->second.lines) {
    const std::size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    const std::string_view head = line.substr(0, colon);
    auto words = Words(line.substr(colon + 1));
    if (head.starts_with("room "))
      layers.rooms.emplace_back(head.substr(5), std::move(words));
    else
      layers.allowed.emplace(head, std::move(words));
  }
  return layers;
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// The longest folder of the table that holds `path`.
std::optional<std::string> LayerOf(const Layers& layers, const std::string& path) {
  std::optional<std::string> best;
  for (const auto& [folder, allowed] : layers.allowed) {
    if (IsBelow(path, folder) && (!best || folder.size() > best->size())) best = folder;
  }
  return best;
}

bool Matches(std::string_view header, std::string_view pattern) {
  if (pattern.starts_with('*')) return header.ends_with(pattern.substr(1));
  if (pattern.ends_with('*')) return header.starts_with(pattern.substr(0, pattern.size() - 1));
  return header == pattern;
}

bool MayInclude(const Layers& layers, const std::string& from, const std::string& target) {
  const auto layer = LayerOf(layers, from);
  if (!layer) return false;
  const std::string target_layer = LayerOf(layers, target).value_or(FolderOf(target));
  const std::string target_folder = FolderOf(target);
  if (target_layer == *layer || target_folder == "base") return true;
  for (const std::string& name : layers.allowed.at(*layer)) {
    if (name == "*" || name == target_layer || name == target_folder) return true;
    if (name.ends_with('/') && target.starts_with(name)) return true;
  }
  return false;
}

struct Include {
  std::string target;
  std::size_t line;
  bool quoted;
};

std::vector<Include> IncludesOf(const File& file) {
  static const std::regex pattern("^ *# *include +([<\"])([^>\"]+)[>\"]");
  std::vector<Include> includes;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::smatch match;
    if (!std::regex_search(file.lines[i], match, pattern)) continue;
    includes.push_back({match[2], i + 1, match[1] == "\""});
  }
  return includes;
}

void CheckIncludes(const Tree& tree, const Layers& layers, std::set<std::string>& included,
                   std::vector<Finding>& findings) {
  for (const auto& [path, file] : tree) {
    if (!IsHeader(path) && !IsSource(path)) continue;
    if (!layers.allowed.empty() && !LayerOf(layers, path)) {
      findings.push_back({"layers", path, 0, "no line of tools/layers.txt holds this folder"});
      continue;
    }
    for (const Include& include : IncludesOf(file)) {
      // The guests' code also includes by its own folders.
      std::string target = include.target;
      if (!tree.contains(target)) target = StrCat(FolderOf(path), '/', include.target);
      if (tree.contains(target)) {
        included.insert(target);
        if (layers.allowed.empty() || MayInclude(layers, path, target)) continue;
        findings.push_back({"layers", path, include.line,
                            StrCat(*LayerOf(layers, path), " may not include ", target,
                                   ": includes go downward only (tools/layers.txt)")});
        continue;
      }
      // Included by a path of the build's own (guests have more include folders than one).
      for (const auto& [other, unused] : tree) {
        if (other.ends_with('/' + include.target)) included.insert(other);
      }
      for (const auto& [pattern, rooms] : layers.rooms) {
        const auto holds = [&path = path](const std::string& room) { return IsBelow(path, room); };
        if (!Matches(include.target, pattern)) continue;
        if (std::any_of(rooms.begin(), rooms.end(), holds)) continue;
        findings.push_back({"room", path, include.line,
                            StrCat("<", include.target,
                                   "> has its room elsewhere "
                                   "(tools/layers.txt): use that folder's interface")});
      }
    }
  }
}

// A source is alive when a CMakeLists.txt of its folder, or of one above, names it.
bool IsListed(const Tree& tree, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  for (std::string folder = FolderOf(path);; folder = FolderOf(folder)) {
    const auto list = tree.find(folder.empty() ? "CMakeLists.txt" : folder + "/CMakeLists.txt");
    if (list != tree.end()) {
      for (const std::string& line : list->second.lines) {
        if (line.find(name) != std::string::npos) return true;
      }
    }
    if (folder.empty()) break;
  }
  // What several folders share (a fuzz driver, lists of sources) may be named in cmake/ or
  // without its ending in a loop of a list.
  const std::string stem = name.substr(0, name.rfind('.'));
  const std::regex word("\\b" + stem + "\\b");
  for (const auto& [other, file] : tree) {
    if (!other.ends_with(".cmake") && !other.ends_with("CMakeLists.txt")) continue;
    for (const std::string& line : file.lines) {
      if (line.find(path) != std::string::npos) return true;
      const bool near = other.ends_with("CMakeLists.txt") && IsBelow(path, FolderOf(other));
      if (near && std::regex_search(line, word)) return true;
    }
  }
  return false;
}

void CheckDeadFiles(const Tree& tree, const std::set<std::string>& included,
                    std::vector<Finding>& findings) {
  for (const auto& [path, file] : tree) {
    if (IsSource(path) && !IsListed(tree, path)) {
      findings.push_back(
          {"dead_file", path, 0, "no CMakeLists.txt names this file: list it, or remove it"});
    }
    if (IsHeader(path) && !included.contains(path)) {
      findings.push_back({"dead_file", path, 0, "no file includes this header: remove it"});
    }
  }
}

// Each list item of the specification names a test that exists, or says that it is pending.
void CheckSpecification(const Tree& tree, std::vector<Finding>& findings) {
  const auto found = tree.find(kSpecification);
  if (found == tree.end()) return;
  static const std::regex definition("TEST(?:_F|_P)?\\( *(\\w+), *(\\w+)\\)");
  static const std::regex mention("(\\w+)\\.(\\w+)");
  std::set<std::string> tests;
  for (const auto& [path, file] : tree) {
    if (!IsBelow(path, "tests")) continue;
    for (const std::string& line : file.lines) {
      std::smatch match;
      if (std::regex_search(line, match, definition)) {
        tests.insert(StrCat(match[1].str(), '.', match[2].str()));
      }
    }
  }
  const auto names_a_test = [&tests](const std::string& line) {
    for (std::sregex_iterator at(line.begin(), line.end(), mention), end; at != end; ++at) {
      if (tests.contains(at->str())) return true;
    }
    return false;
  };
  for (std::size_t i = 0; i < found->second.lines.size(); ++i) {
    const std::string& line = found->second.lines[i];
    if (!line.starts_with("- ") && !line.starts_with("* ")) continue;
    std::string item = line;
    for (std::size_t j = i + 1; j < found->second.lines.size(); ++j) {
      if (!found->second.lines[j].starts_with("  ")) break;
      item += found->second.lines[j];
    }
    if (item.find("*pending*") != std::string::npos || names_a_test(item)) continue;
    findings.push_back({"specification", kSpecification, i + 1,
                        "name a test that exists (Subject.WhatHappens), or say *pending*"});
  }
}

}  // namespace

void CheckTree(const Tree& tree, std::vector<Finding>& findings) {
  const Layers layers = ReadLayers(tree);
  std::set<std::string> included;
  CheckIncludes(tree, layers, included, findings);
  CheckDeadFiles(tree, included, findings);
  CheckSpecification(tree, findings);
}

}  // namespace summon::tidy
