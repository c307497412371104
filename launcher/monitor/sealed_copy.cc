// SPDX-License-Identifier: Apache-2.0
// Copying into a sealed memfd: memfd_create(2), F_ADD_SEALS in fcntl(2).
#include "launcher/monitor/sealed_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace summon::launcher {

Result<UniqueFd> SealedCopy(int source, std::uint64_t bytes_max) {
  struct stat status {};
  if (fstat(source, &status) != 0) return ErrnoError("read image size", errno);
  if (!S_ISREG(status.st_mode)) return Error(ErrorCode::kInvalid, "not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0) return Error(ErrorCode::kInvalid, "the file is empty");
  if (size > bytes_max) {
    return Error(ErrorCode::kInvalid,
                 StrCat("the file has ", size, " bytes; an image may have ", bytes_max));
  }
  UniqueFd copy = SUMMON_TRY(NewMemoryFile("summon-image"));
  constexpr std::uint64_t kChunkBytes = 1 << 20;
  off_t offset = 0;
  while (static_cast<std::uint64_t>(offset) < size) {
    const auto wanted = std::min(kChunkBytes, size - static_cast<std::uint64_t>(offset));
    const ssize_t copied = sendfile(copy.get(), source, &offset, wanted);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0) return ErrnoError("copy image", errno);
    if (copied == 0) break;  // the file was cut meanwhile; its check will tell
  }
  (void)SUMMON_TRY(Seal(copy.get(), size));
  return copy;
}

Result<UniqueFd> NewMemoryFile(const char* name) {
  UniqueFd file(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return ErrnoError("create memory file", errno);
  return file;
}

Result<SealedSize> Seal(int file, std::uint64_t bytes_max) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (fcntl(file, F_ADD_SEALS, kSeals) != 0) return ErrnoError("seal memory file", errno);
  struct stat status {};
  if (fstat(file, &status) != 0) return ErrnoError("read size of memory file", errno);
  const SealedSize size{static_cast<std::uint64_t>(status.st_size),
                        static_cast<std::uint64_t>(status.st_blocks) * 512};  // stat(2)
  if (size.bytes == 0 || size.bytes > bytes_max) {
    return Error(ErrorCode::kInvalid, StrCat("a memory file of ", size.bytes,
                                             " bytes; must have 1..", bytes_max));
  }
  return size;
}

}  // namespace summon::launcher
