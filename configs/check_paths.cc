// SPDX-License-Identifier: Apache-2.0
// Paths of images and block files: made absolute, and looked at.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/near_file.h"
#include "base/strings.h"
#include "configs/checks.h"

namespace summon::configs {

namespace fs = std::filesystem;

std::string ResolvePath(std::string_view text, const std::string& folder) {
  return (fs::path(folder) / fs::path(text)).lexically_normal().string();
}

std::optional<std::uint64_t> CheckReadable(const Node& node, const char* field,
                                           const std::string& path, Access access,
                                           FileKinds kinds) {
  const bool device_allowed = kinds == FileKinds::kBlockDeviceToo;
  const std::string what = StrCat(field, ' ', Quote(path));
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    const int stat_errno = errno;
    if (stat_errno == ENOENT || stat_errno == ENOTDIR) {
      node.Error(field, -1, StrCat(what, " not found"), NearFileHint(path).value_or(""));
    } else {
      node.Error(field, -1, ErrnoError(what, stat_errno).message());
    }
    return std::nullopt;
  }
  const bool regular = S_ISREG(info.st_mode);
  if (!regular && !(device_allowed && S_ISBLK(info.st_mode))) {
    node.Error(field, -1,
               StrCat(what, S_ISDIR(info.st_mode) ? " is a folder" : " is not a regular file",
                      "; must be a file", device_allowed ? " or a block device" : ""));
    return std::nullopt;
  }
  const int mode = access == Access::kReadWrite ? R_OK | W_OK : R_OK;
  if (faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) != 0) {
    node.Error(field, -1,
               StrCat(ErrnoError(what, errno).message(), " (must be readable",
                      access == Access::kReadWrite ? " and writable" : "", ')'));
    return std::nullopt;
  }
  if (!regular) return std::nullopt;
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace summon::configs
