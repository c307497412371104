// SPDX-License-Identifier: Apache-2.0
// Looking for a near name in a folder; see the header.
#include "base/near_file.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "base/strings.h"

namespace summon {

namespace fs = std::filesystem;

std::optional<std::string> NearFileHint(const std::string& path) {
  constexpr std::size_t kEntriesMax = 4096;  // of one folder, that are compared
  std::error_code error;
  const fs::path wanted(path);
  const fs::path folder = wanted.parent_path();
  if (!folder.empty() && !fs::is_directory(folder, error)) {
    return StrCat("there is no folder ", Quote(folder.string()));
  }
  std::vector<std::string> names;
  fs::directory_iterator at(folder.empty() ? fs::path(".") : folder, error);
  for (const fs::directory_iterator end; !error && at != end; at.increment(error)) {
    if (names.size() >= kEntriesMax) break;
    names.push_back(at->path().filename().string());
  }
  const auto nearest = NearestName(wanted.filename().string(), names);
  if (!nearest) return std::nullopt;
  return StrCat("did you mean ", Quote((folder / *nearest).string()), '?');
}

}  // namespace summon
