// SPDX-License-Identifier: Apache-2.0
// Finding and changing the fields of an image; see the header.
#include "tests/hypervisor/image_mutator.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "hypervisor/abi/manifest.h"
#include "hypervisor/abi/solo5.h"
#include "hypervisor/loader/image.h"

namespace summon::hypervisor {
namespace {

class FieldList final {
 public:
  explicit FieldList(std::size_t image_size) : image_size_(image_size) {}

  void Add(std::uint64_t offset, std::size_t size) {
    if (offset > image_size_ || size > image_size_ - offset) return;
    if (fields_.size() < kImageFieldsMax) fields_.push_back({offset, size});
  }
  std::vector<ImageField> Take() { return std::move(fields_); }

 private:
  const std::size_t image_size_;
  std::vector<ImageField> fields_;
};

template <typename T>
T ValueAt(std::span<const std::uint8_t> image, std::uint64_t offset) {
  T value = {};
  if (offset <= image.size() && sizeof value <= image.size() - offset) {
    std::memcpy(&value, image.data() + offset, sizeof value);
  }
  return value;
}

void AddElfHeader(FieldList& fields) {
  for (std::size_t i = 0; i < EI_NIDENT; ++i) fields.Add(i, 1);
  fields.Add(offsetof(Elf64_Ehdr, e_type), 2);
  fields.Add(offsetof(Elf64_Ehdr, e_machine), 2);
  fields.Add(offsetof(Elf64_Ehdr, e_version), 4);
  fields.Add(offsetof(Elf64_Ehdr, e_entry), 8);
  fields.Add(offsetof(Elf64_Ehdr, e_phoff), 8);
  fields.Add(offsetof(Elf64_Ehdr, e_ehsize), 2);
  fields.Add(offsetof(Elf64_Ehdr, e_phentsize), 2);
  fields.Add(offsetof(Elf64_Ehdr, e_phnum), 2);
}

void AddManifest(FieldList& fields, std::uint64_t offset, std::uint32_t count) {
  fields.Add(offset, 4);      // version
  fields.Add(offset + 4, 4);  // count
  const std::uint64_t entries = std::min<std::uint64_t>(count, kManifestEntriesMax);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = offset + 8 + i * sizeof(ManifestEntry);
    fields.Add(entry, 8);
    fields.Add(entry, 1);
    fields.Add(entry + kDeviceNameSize - 1, 1);  // the NUL of the longest name
    fields.Add(entry + offsetof(ManifestEntry, type), 4);
    fields.Add(entry + offsetof(ManifestEntry, raw), 8);
    fields.Add(entry + offsetof(ManifestEntry, host), 8);
    fields.Add(entry + offsetof(ManifestEntry, attached), 1);
  }
}

void AddNote(FieldList& fields, std::span<const std::uint8_t> image, std::uint64_t offset) {
  if (offset >= image.size()) return;
  for (const std::size_t word : {0, 4, 8, 12, 16}) fields.Add(offset + word, 4);
  const std::uint64_t content = offset + kNotePreambleSize;
  fields.Add(content, 4);      // ABI: target
  fields.Add(content + 4, 4);  // ABI: version
  const std::uint64_t manifest = content + kManifestNotePadding;
  if (ValueAt<std::uint32_t>(image, offset + 8) == kManifestNoteType) {
    AddManifest(fields, manifest, ValueAt<std::uint32_t>(image, manifest + 4));
  }
}

void AddProgramHeaders(FieldList& fields, std::span<const std::uint8_t> image) {
  const auto header = ValueAt<Elf64_Ehdr>(image, 0);
  const std::size_t count = std::min<std::size_t>(header.e_phnum, kProgramHeadersMax);
  if (header.e_phoff >= image.size()) return;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    fields.Add(at + offsetof(Elf64_Phdr, p_type), 4);
    fields.Add(at + offsetof(Elf64_Phdr, p_flags), 4);
    fields.Add(at + offsetof(Elf64_Phdr, p_offset), 8);
    fields.Add(at + offsetof(Elf64_Phdr, p_vaddr), 8);
    fields.Add(at + offsetof(Elf64_Phdr, p_filesz), 8);
    fields.Add(at + offsetof(Elf64_Phdr, p_memsz), 8);
    fields.Add(at + offsetof(Elf64_Phdr, p_align), 8);
    const auto program = ValueAt<Elf64_Phdr>(image, at);
    if (program.p_type == PT_NOTE) AddNote(fields, image, program.p_offset);
  }
}

// Values near every limit that the loader has.
std::uint64_t Interesting(Seeded& random, std::size_t image_size) {
  const std::uint64_t values[] = {0, 1, 2, 3, 4, 7, 8, 16, 20, 32, 56, 63, 64, 65, kPageSize - 1,
      kPageSize, kPageSize + 1, kNoteSizeMax, kImageFloor, kImageFloor - 1, kImageFileSizeMax,
      kImageFileSizeMax + 1, kGuestMemoryMax, kGuestMemoryMax - 1, kGuestMemoryMax - kPageSize,
      image_size, image_size - 1, image_size + 1, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
      0xffffffff, 1ull << 62, 0x7fffffffffffffff, 1ull << 63, ~0ull, ~0ull - kPageSize,
      PT_LOAD, PT_NOTE, kAbiNoteType, kManifestNoteType, kManifestReservedType};
  const std::uint64_t value = values[random.Below(std::size(values))];
  return random.OneIn(4) ? value + random.Below(5) - 2 : value;
}

class Mutation final {
 public:
  Mutation(std::span<std::uint8_t> image, std::vector<ImageChange>& changes)
      : image_(image), changes_(changes) {}

  void Write(std::size_t offset, const void* bytes, std::size_t size) {
    const auto place = image_.subspan(offset, size);
    changes_.push_back({offset, {place.begin(), place.end()}});
    std::memcpy(place.data(), bytes, size);
  }
  std::uint64_t Get(const ImageField& field) const {
    std::uint64_t value = 0;
    std::memcpy(&value, image_.data() + field.offset, field.size);  // little-endian
    return value;
  }
  void Set(const ImageField& field, std::uint64_t value) {
    Write(field.offset, &value, field.size);
  }

 private:
  const std::span<std::uint8_t> image_;
  std::vector<ImageChange>& changes_;
};

// One whole program header over another: segments that overlap, notes that come twice.
void CopyProgramHeader(std::span<std::uint8_t> image, Seeded& random, Mutation& mutation) {
  const auto header = ValueAt<Elf64_Ehdr>(image, 0);
  const std::size_t count = std::clamp<std::size_t>(header.e_phnum, 1, kProgramHeadersMax);
  if (header.e_phoff > image.size() ||
      count * sizeof(Elf64_Phdr) > image.size() - header.e_phoff) {
    return;
  }
  const auto from = ValueAt<Elf64_Phdr>(image,
                                        header.e_phoff + random.Below(count) * sizeof(Elf64_Phdr));
  mutation.Write(header.e_phoff + random.Below(count) * sizeof(Elf64_Phdr), &from, sizeof from);
}

void MutateOnce(std::span<std::uint8_t> image, std::span<const ImageField> fields, Seeded& random,
                Mutation& mutation) {
  const ImageField& field = fields[random.Below(fields.size())];
  const std::uint64_t bits = field.size * 8;
  switch (random.Below(6)) {
    case 0: mutation.Set(field, mutation.Get(field) ^ 1ull << random.Below(bits)); break;
    case 1: mutation.Set(field, random.Next()); break;
    case 2: mutation.Set(field, mutation.Get(field) + random.Below(33) - 16); break;
    case 3: mutation.Set(field, mutation.Get(fields[random.Below(fields.size())])); break;
    case 4: CopyProgramHeader(image, random, mutation); break;
    default: mutation.Set(field, Interesting(random, image.size())); break;
  }
}

}  // namespace

std::vector<ImageField> FieldsOf(std::span<const std::uint8_t> image) {
  FieldList fields(image.size());
  AddElfHeader(fields);
  AddProgramHeaders(fields, image);
  return fields.Take();
}

std::vector<ImageChange> Mutate(std::span<std::uint8_t> image,
                                std::span<const ImageField> fields, Seeded& random) {
  std::vector<ImageChange> changes;
  if (fields.empty()) return changes;
  Mutation mutation(image, changes);
  const std::uint64_t count = 1 + random.Below(kMutationsMax);
  for (std::uint64_t i = 0; i < count; ++i) MutateOnce(image, fields, random, mutation);
  std::reverse(changes.begin(), changes.end());
  return changes;
}

void Undo(std::span<std::uint8_t> image, std::span<const ImageChange> changes) {
  for (const ImageChange& change : changes) {
    std::copy(change.before.begin(), change.before.end(),
              image.begin() + static_cast<std::ptrdiff_t>(change.offset));
  }
}

}  // namespace summon::hypervisor
