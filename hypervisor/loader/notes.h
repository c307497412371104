// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Solo5 notes of an image: its ABI and its manifest. Internal to the loader.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "hypervisor/abi/manifest.h"
#include "hypervisor/abi/solo5.h"
#include "hypervisor/loader/image.h"

namespace summon::hypervisor {

struct ImageNotes {
  std::optional<AbiNote> abi;
  std::optional<Manifest> manifest;
};

// Reads exactly `into.size()` bytes of `what` at `offset`.
//
// Errors: kInvalid when the file ends before; the source's own errors.
Status ReadExactly(ImageSource& source, std::uint64_t offset, std::span<std::uint8_t> into,
                   std::string_view what);

// Where a PT_NOTE segment lies in the file.
struct NoteSegment {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// Looks at the first note of `segment` and takes it into `notes` when it is one of ours.
Status ReadNote(ImageSource& source, NoteSegment segment, ImageNotes& notes);

// Whether the image is for `target` in a version that we know.
Status CheckAbi(const ImageNotes& notes, Target target);

}  // namespace summon::hypervisor
