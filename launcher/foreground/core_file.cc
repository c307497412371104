// SPDX-License-Identifier: Apache-2.0
// Making the file under a provisional name, and giving it its own.
#include "launcher/foreground/core_file.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/strings.h"

namespace summon::launcher {

namespace {

std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string PartName(const std::string& path) { return StrCat(".", NameIn(path), ".part"); }

}  // namespace

Result<CoreFile> CoreFile::Create(const std::string& directory, int pid) {
  UniqueFd folder(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return ErrnoError(StrCat("open directory ", directory), errno);
  const std::string path = StrCat(directory, directory.ends_with("/") ? "" : "/",
                                  "core.solo5-hvt.", pid);
  const std::string part = PartName(path);
  (void)unlinkat(folder.get(), part.c_str(), 0);  // left by one that was killed
  UniqueFd file(openat(folder.get(), part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoError(StrCat("make a file in ", directory), errno);
  return CoreFile(std::move(folder), std::move(file), path);
}

CoreFile::~CoreFile() {
  if (!file_.valid()) return;  // moved from, or kept
  (void)unlinkat(directory_.get(), PartName(path_).c_str(), 0);  // nobody else's; gone is fine
}

Result<std::string> CoreFile::Keep() {
  char magic[SELFMAG] = {};
  // The monitor writes the headers last: without them the core is none, or cut short.
  if (pread(file_.get(), magic, sizeof magic, 0) != sizeof magic ||
      std::memcmp(magic, ELFMAG, SELFMAG) != 0) {
    return std::string();
  }
  if (renameat(directory_.get(), PartName(path_).c_str(), directory_.get(),
               NameIn(path_).c_str()) != 0) {
    return ErrnoError(StrCat("name the core ", path_), errno);
  }
  file_.Reset();
  return path_;
}

}  // namespace summon::launcher
