// SPDX-License-Identifier: Apache-2.0
// Closing and duplicating descriptors.
#include "base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace summon {

void UniqueFd::Reset() {
  if (fd_ >= 0) (void)close(fd_);  // on Linux the descriptor is gone even when close() fails
  fd_ = -1;
}

Result<UniqueFd> UniqueFd::Duplicate() const {
  const int copy = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ErrnoError("duplicate descriptor", errno);
  return UniqueFd(copy);
}

}  // namespace summon
