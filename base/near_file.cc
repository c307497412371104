// SPDX-License-Identifier: Apache-2.0
// Looking for a near name in a folder; see the header. With opendir(3), because std::filesystem
// brings all locales into a static program.
#include "base/near_file.h"

#include <dirent.h>
#include <sys/stat.h>

#include <vector>

#include "base/strings.h"

namespace summon {

namespace {

bool IsFolder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> NamesIn(const std::string& folder) {
  constexpr std::size_t kEntriesMax = 4096;  // of one folder, that are compared
  std::vector<std::string> names;
  DIR* const entries = opendir(folder.c_str());
  if (entries == nullptr) return names;
  while (names.size() < kEntriesMax) {
    const dirent* const entry = readdir(entries);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  (void)closedir(entries);  // only read
  return names;
}

}  // namespace

std::optional<std::string> NearFileHint(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string before = path.substr(0, path.size() - name.size());  // with its slash
  if (!before.empty() && !IsFolder(before)) {
    return StrCat("there is no folder ", Quote(path.substr(0, slash)));
  }
  const auto nearest = NearestName(name, NamesIn(before.empty() ? "." : before));
  if (!nearest) return std::nullopt;
  return StrCat("did you mean ", Quote(before + *nearest), '?');
}

}  // namespace summon
