// SPDX-License-Identifier: Apache-2.0
// summon_tidy ROOT: checks every file of the source tree and shows what breaks a rule.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/tidy/tidy.h"

namespace {

namespace fs = std::filesystem;
using summon::tidy::Tree;

// Folders that are not ours to check, by name.
bool IsForeign(const std::string& name) {
  return name == "build" || name == "corpus" || name == "third_party" || name.starts_with('.');
}

bool IsChecked(const fs::path& path) {
  for (const char* ending :
       {".h", ".cc", ".c", ".S", ".txt", ".cmake", ".md", ".proto", ".textproto", ".json"}) {
    if (path.extension() == ending) return true;
  }
  return !path.has_extension();
}

Tree ReadTree(const fs::path& root) {
  Tree tree;
  for (fs::recursive_directory_iterator at(root), end; at != end; ++at) {
    const std::string name = at->path().filename().string();
    if (at->is_directory() && IsForeign(name)) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file() && !name.starts_with('.') && IsChecked(at->path())) {
      std::ifstream stream(at->path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      const std::string path = at->path().lexically_relative(root).generic_string();
      tree.emplace(path, summon::tidy::MakeFile(path, text));
    }
  }
  return tree;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !fs::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: summon_tidy ROOT\n");
    return 2;
  }
  const Tree tree = ReadTree(argv[1]);
  const auto findings = summon::tidy::CheckAll(tree);
  for (const auto& finding : findings) std::printf("%s\n", finding.ToString().c_str());
  std::printf("%zu files, %zu findings\n", tree.size(), findings.size());
  return findings.empty() ? 0 : 1;
}
