// SPDX-License-Identifier: Apache-2.0
// The group of one monitor, apart from the tree: whoever has one monitor and no tree (`summon run`)
// is linked without what reads the tree.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "launcher/monitor/cgroups.h"

namespace summon::launcher {

Status WriteGroupFile(const std::string& path, const std::string& text) {
  // O_CREAT so that a plain folder can stand for the file system in tests.
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return ErrnoError(StrCat("open ", path), errno);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoError(StrCat("write ", Quote(text), " to ", path), errno);
  }
  return Ok();
}

CgroupLeaf::~CgroupLeaf() {
  (void)rmdir(path_.c_str());  // a group with a process in it stays until we start again
}

void CgroupLeaf::LimitMemory(std::uint64_t guest_bytes) const {
  constexpr std::uint64_t kTablesShare = 16;
  (void)WriteGroupFile(path_ + "/memory.max",
                       StrCat(guest_bytes + guest_bytes / kTablesShare + kMonitorBytes));
}

}  // namespace summon::launcher
