// SPDX-License-Identifier: Apache-2.0
// Asking the kernel, so that neither PATH nor argv[0] is believed.
#include "base/program_directory.h"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace summon {

Result<std::string> OwnProgramDirectory() {
  std::array<char, PATH_MAX> path;
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) return ErrnoError("find our own program (/proc/self/exe)", errno);
  const std::string program(path.data(), static_cast<std::size_t>(size));
  return program.substr(0, program.rfind('/'));
}

}  // namespace summon
