// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loader: from an untrusted Solo5 image (ELF64) to a checked plan, and from the plan to guest
// memory.
//
// Parsing is pure and total: it reads through an ImageSource, trusts nothing, allocates nothing
// sized by the file beyond the bounds below, and every refusal says what was wrong, where, and
// which limit it broke.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "hypervisor/abi/boot_area.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/abi/solo5.h"

namespace summon::hypervisor {

// Real images have about ten program headers and notes of a few KiB. These bound the work.
inline constexpr std::size_t kProgramHeadersMax = 64;
inline constexpr std::uint64_t kNoteSizeMax = 64 * 1024;
inline constexpr std::uint64_t kImageFileSizeMax = 512ull << 20;

// Where an image's bytes come from.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // Fills `into` from `offset`; gives how many bytes there were, fewer than asked only at the end.
  virtual Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::uint8_t> into) = 0;
};

// An open file, by pread. Borrows the descriptor.
class FileImageSource final : public ImageSource {
 public:
  explicit FileImageSource(int fd) : fd_(fd) {}
  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::uint8_t> into) override;

 private:
  const int fd_;
};

// Bytes in memory, for tests and fuzzing. Borrows them.
class MemoryImageSource final : public ImageSource {
 public:
  explicit MemoryImageSource(Bytes bytes) : bytes_(bytes) {}
  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::uint8_t> into) override;

 private:
  const Bytes bytes_;
};

// A loadable segment. Segments ascend, share no page, and none is writable and executable.
struct Segment {
  std::uint64_t guest_address = 0;  // of the first byte copied; may lie inside its first page
  std::uint64_t memory_size = 0;    // bytes beyond file_size are zero
  std::uint64_t file_offset = 0;
  std::uint64_t file_size = 0;
  std::uint64_t align = 1;
  bool readable = false;
  bool writable = false;
  bool executable = false;

  std::uint64_t page_begin() const { return guest_address & ~(kPageSize - 1); }
  std::uint64_t page_end() const {
    return (guest_address + memory_size + kPageSize - 1) & ~(kPageSize - 1);
  }
};

struct Image {
  std::uint64_t entry = 0;  // inside an executable segment
  std::uint64_t end = 0;    // end of the last segment, rounded up to its alignment and to a page
  std::uint32_t abi_version = 0;
  std::vector<Segment> segments;  // 1..kProgramHeadersMax
  Manifest manifest;              // nothing attached yet
};

// The image in `source`, checked against every rule that does not depend on the memory's size.
// `target` is what the caller can boot: kHvt or kSpt.
//
// Errors: kInvalid for what is wrong with the image; the source's own errors.
Result<Image> ParseImage(ImageSource& source, Target target);

// Whether `image` leaves room for a stack in `memory_bytes` of guest memory.
//
// Errors: kInvalid, saying how many MiB are needed.
Status CheckFits(const Image& image, std::uint64_t memory_bytes);

// Copies the image's file parts into guest memory. `memory` is zero-filled; the first form has
// guest address 0 at index 0. The caller has made sure with CheckFits that the image fits.
//
// Errors: kInvalid when a segment lies outside `memory` or the file ends before a segment does.
Status LoadImage(const Image& image, ImageSource& source, std::span<std::uint8_t> memory);
Status LoadImage(const Image& image, ImageSource& source, GuestWindow memory);

}  // namespace summon::hypervisor
