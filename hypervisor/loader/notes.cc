// SPDX-License-Identifier: Apache-2.0
// Finds and checks the ABI and manifest notes. Solo5 puts exactly one note into each PT_NOTE
// segment, in any order, among notes of others.
#include "hypervisor/loader/notes.h"

#include <array>
#include <cstring>

#include "base/strings.h"

namespace summon::hypervisor {
namespace {

// In Solo5's words, which its tests look for.
constexpr std::string_view kBadSize = ": note does not fall within valid size: it has ";

constexpr std::uint64_t kElfNoteHeaderSize = 12;
constexpr std::uint32_t kAbiDescriptorMax = 32;
constexpr std::uint32_t kManifestDescriptorMax = kManifestNotePadding + sizeof(Manifest);

Error Invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

struct NoteHeader {
  std::uint32_t name_size;
  std::uint32_t descriptor_size;
  std::uint32_t type;
  char name[8];
};
static_assert(sizeof(NoteHeader) == kNotePreambleSize);

struct NotePlace {
  std::uint64_t offset;           // of the note header in the file
  std::uint32_t descriptor_size;
};

Status ReadAbiNote(ImageSource& source, NotePlace place, ImageNotes& notes) {
  if (notes.abi) return Invalid(StrCat("a second ABI note at offset ", place.offset));
  if (place.descriptor_size < sizeof(AbiNote) || place.descriptor_size > kAbiDescriptorMax) {
    return Invalid(StrCat("the ABI note at offset ", place.offset, kBadSize, place.descriptor_size,
                          " bytes; must have ", sizeof(AbiNote), "..", kAbiDescriptorMax));
  }
  std::array<std::uint8_t, sizeof(AbiNote)> bytes;
  SUMMON_TRY(ReadExactly(source, place.offset + kNotePreambleSize, bytes, "the ABI note"));
  std::memcpy(&notes.abi.emplace(), bytes.data(), bytes.size());
  return Ok();
}

Status ReadManifestNote(ImageSource& source, NotePlace place, ImageNotes& notes) {
  if (notes.manifest) return Invalid(StrCat("a second manifest note at offset ", place.offset));
  if (place.descriptor_size < kManifestNotePadding ||
      place.descriptor_size > kManifestDescriptorMax) {
    return Invalid(StrCat("the manifest note at offset ", place.offset, kBadSize,
                          place.descriptor_size, " bytes; must have ", kManifestNotePadding, "..",
                          kManifestDescriptorMax));
  }
  std::array<std::uint8_t, sizeof(Manifest)> bytes;
  const std::span<std::uint8_t> payload =
      std::span(bytes).first(place.descriptor_size - kManifestNotePadding);
  SUMMON_TRY(ReadExactly(source, place.offset + kNotePreambleSize + kManifestNotePadding, payload,
                         "the manifest note"));
  notes.manifest = SUMMON_TRY(
      ParseManifest(payload).Wrap(StrCat("the manifest note at offset ", place.offset)));
  return Ok();
}

}  // namespace

Status ReadExactly(ImageSource& source, std::uint64_t offset, std::span<std::uint8_t> into,
                   std::string_view what) {
  const std::size_t count = SUMMON_TRY(source.ReadAt(offset, into));
  if (count != into.size()) {
    return Invalid(StrCat(what, " is truncated: ", into.size(), " bytes at offset ", offset,
                          ", but the file ends at ", offset + count));
  }
  return Ok();
}

Status ReadNote(ImageSource& source, NoteSegment segment, ImageNotes& notes) {
  const auto [offset, size] = segment;
  if (size > kNoteSizeMax) {
    return Invalid(StrCat("the note segment at offset ", offset, " has ", size,
                          " bytes; at most ", kNoteSizeMax));
  }
  if (size < kElfNoteHeaderSize) {
    return Invalid(StrCat("the note segment at offset ", offset, " has ", size,
                          " bytes; a note header needs ", kElfNoteHeaderSize));
  }
  if (size < kNotePreambleSize) return Ok();  // too small to be ours
  std::array<std::uint8_t, sizeof(NoteHeader)> bytes;
  SUMMON_TRY(ReadExactly(source, offset, bytes, "a note header"));
  NoteHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.name_size != sizeof kNoteName ||
      std::memcmp(header.name, kNoteName, sizeof kNoteName) != 0) {
    return Ok();  // somebody else's note
  }
  if (header.descriptor_size > size - kNotePreambleSize) {
    return Invalid(StrCat("the note at offset ", offset, " claims ", header.descriptor_size,
                          " bytes; its segment has room for ", size - kNotePreambleSize));
  }
  const NotePlace place = {offset, header.descriptor_size};
  if (header.type == kAbiNoteType) return ReadAbiNote(source, place, notes);
  if (header.type == kManifestNoteType) return ReadManifestNote(source, place, notes);
  return Ok();
}

Status CheckAbi(const ImageNotes& notes, Target target) {
  if (!notes.abi) {
    return Invalid(
        "not a Solo5 image: it has no Solo5 ABI note (Solo5 0.6.0 or newer puts one in)");
  }
  const auto built_for = static_cast<Target>(notes.abi->target);
  if (built_for != target) {
    std::string hint;
    if (built_for == Target::kSpt) hint = "; use the process launcher";
    if (built_for == Target::kHvt) hint = "; use the kvm launcher";
    if (built_for == Target::kXen) hint = "; use the xen launcher";
    return Invalid(StrCat("the image is built for ", TargetName(built_for), " (target ",
                          notes.abi->target, "); this launcher needs ", TargetName(target),
                          hint));
  }
  if (notes.abi->version < kAbiVersionMin || notes.abi->version > kAbiVersionMax) {
    return Invalid(StrCat("the image has version ", notes.abi->version, " of the ",
                          TargetName(target), " ABI; must be ", kAbiVersionMin, "..",
                          kAbiVersionMax));
  }
  if (!notes.manifest) {
    return Invalid("not a complete Solo5 image: it has an ABI note but no manifest note");
  }
  return Ok();
}

}  // namespace summon::hypervisor
