// SPDX-License-Identifier: Apache-2.0
// Where image bytes come from, and how they get into guest memory.
#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "hypervisor/loader/image.h"
#include "hypervisor/loader/notes.h"

namespace summon::hypervisor {

Result<std::size_t> FileImageSource::ReadAt(std::uint64_t offset, std::span<std::uint8_t> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t count = pread(fd_, into.data() + done, into.size() - done,
                                static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(StrCat("read the image at offset ", offset + done), errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<std::size_t> MemoryImageSource::ReadAt(std::uint64_t offset,
                                              std::span<std::uint8_t> into) {
  if (offset >= bytes_.size() || into.empty()) return std::size_t{0};
  const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
  std::memcpy(into.data(), bytes_.data() + offset, count);
  return count;
}

Status LoadImage(const Image& image, ImageSource& source, std::span<std::uint8_t> memory) {
  return LoadImage(image, source, GuestWindow{.first = 0, .bytes = memory});
}

Status LoadImage(const Image& image, ImageSource& source, GuestWindow memory) {
  for (const Segment& segment : image.segments) {
    const std::span<std::uint8_t> whole = memory.At({segment.guest_address, segment.memory_size});
    if (whole.size() != segment.memory_size || segment.file_size > segment.memory_size) {
      return Error(ErrorCode::kInvalid,
                   StrCat("a segment of ", segment.memory_size, " bytes at ",
                          Hex(segment.guest_address), " does not fit into guest memory"));
    }
    SUMMON_TRY(ReadExactly(source, segment.file_offset, whole.first(segment.file_size),
                           StrCat("the segment at ", Hex(segment.guest_address))));
  }
  return Ok();
}

}  // namespace summon::hypervisor
