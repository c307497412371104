// SPDX-License-Identifier: Apache-2.0
// Lays out the tiny image; see the header.
#include "tests/hypervisor/tiny_image.h"

#include <elf.h>

#include <cstring>

#include "base/check.h"
#include "hypervisor/abi/manifest.h"

namespace summon::hypervisor {
namespace {

constexpr std::size_t kHeaders = 5;
constexpr std::size_t kManifestNoteHead = kNotePreambleSize + kManifestNotePadding;
static_assert(kTinyManifest + sizeof(Manifest) <= kTinyTextFile);

template <typename T>
void Put(std::vector<std::uint8_t>& file, std::size_t offset, const T& value) {
  std::memcpy(file.data() + offset, &value, sizeof value);
}

void PutNoteHead(std::vector<std::uint8_t>& file, std::size_t at, std::uint32_t size,
                 std::uint32_t type) {
  Put(file, at, std::uint32_t{sizeof kNoteName});
  Put(file, at + 4, size);
  Put(file, at + 8, type);
  Put(file, at + 12, kNoteName);
}

std::size_t ManifestSize(const TinyImage& tiny) {
  return 8 + (tiny.devices.size() + 1) * sizeof(ManifestEntry);
}

void PutManifest(std::vector<std::uint8_t>& file, const TinyImage& tiny) {
  PutNoteHead(file, kTinyManifestNote,
              static_cast<std::uint32_t>(kManifestNotePadding + ManifestSize(tiny)),
              kManifestNoteType);
  Put(file, kTinyManifest, kManifestVersion);
  Put(file, kTinyManifest + 4, static_cast<std::uint32_t>(tiny.devices.size() + 1));
  ManifestEntry entry = {};
  entry.type = kManifestReservedType;
  std::size_t at = kTinyManifest + 8;
  Put(file, at, entry);
  for (const TinyDevice& device : tiny.devices) {
    SUMMON_CHECK(device.name.size() <= sizeof entry.name);
    entry = {};
    std::memcpy(entry.name, device.name.data(), device.name.size());
    entry.type = static_cast<std::uint32_t>(device.type);
    at += sizeof entry;
    Put(file, at, entry);
  }
}

void PutHeaders(std::vector<std::uint8_t>& file, const TinyImage& tiny) {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
#if defined(__aarch64__)
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  header.e_version = EV_CURRENT;
  header.e_entry = kTinyText;
  header.e_phoff = kTinyProgramHeaders;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = kHeaders;
  Put(file, 0, header);

  const std::uint64_t abi_size = kNotePreambleSize + sizeof(AbiNote);
  const std::uint64_t manifest_size = kManifestNoteHead + ManifestSize(tiny);
  const Elf64_Phdr table[kHeaders] = {
      {PT_LOAD, PF_R | PF_X, kTinyTextFile, kTinyText, kTinyText, tiny.code.size(),
       tiny.code.size(), 0x1000},
      {PT_LOAD, PF_R | PF_W, kTinyDataFile, kTinyData, kTinyData, kTinyDataFileSize,
       kTinyDataMemorySize, 0x1000},
      {PT_NOTE, PF_R, kTinyAbiNote, 0, 0, abi_size, abi_size, 4},
      {PT_NOTE, PF_R, kTinyManifestNote, 0, 0, manifest_size, manifest_size, 8},
      {PT_LOAD, PF_R, 0, 0, 0, 0, 0, 0x1000}};
  Put(file, kTinyProgramHeaders, table);
}

}  // namespace

std::vector<std::uint8_t> BuildTinyImage(const TinyImage& tiny) {
  SUMMON_CHECK(tiny.code.size() <= kTinyTextSize && tiny.devices.size() <= kDevicesMax);
  std::vector<std::uint8_t> file(kTinyDataFile + kTinyDataFileSize);
  PutHeaders(file, tiny);
  PutNoteHead(file, kTinyAbiNote, sizeof(AbiNote), kAbiNoteType);
  Put(file, kTinyAbiNote + kNotePreambleSize,
      AbiNote{static_cast<std::uint32_t>(tiny.target), tiny.abi_version, {}});
  PutManifest(file, tiny);
  std::memcpy(file.data() + kTinyTextFile, tiny.code.data(), tiny.code.size());
  std::memcpy(file.data() + kTinyDataFile, "tiny data", 9);
  return file;
}

}  // namespace summon::hypervisor
