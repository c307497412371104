// SPDX-License-Identifier: Apache-2.0
// Patching ELF files; see the header.
#include "tests/bad_input/broken_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/check.h"

namespace summon::bad_input {

namespace {

template <typename T>
T Get(const std::string& bytes, std::size_t at) {
  SUMMON_CHECK(at + sizeof(T) <= bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <typename T>
void Put(std::string& bytes, std::size_t at, const T& value) {
  SUMMON_CHECK(at + sizeof(T) <= bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// Calls `visit(offset of the header, header)` for each program header until it returns true.
template <typename Visit>
void ForProgramHeaders(const std::string& image, const Visit& visit) {
  const auto header = Get<Elf64_Ehdr>(image, 0);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const std::size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (visit(at, Get<Elf64_Phdr>(image, at))) return;
  }
  SUMMON_CHECK(!"the image has no such program header");
}

}  // namespace

std::string ReadFileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string Truncated(std::string image) {
  std::size_t end = 0;
  const auto header = Get<Elf64_Ehdr>(image, 0);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto part = Get<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (part.p_type == PT_LOAD) end = std::max(end, part.p_offset + part.p_filesz);
  }
  return image.substr(0, end - 1);
}

std::string ForAarch64(std::string image) {
  auto header = Get<Elf64_Ehdr>(image, 0);
  header.e_machine = EM_AARCH64;
  Put(image, 0, header);
  return image;
}

std::string WritableText(std::string image) {
  ForProgramHeaders(image, [&image](std::size_t at, Elf64_Phdr header) {
    if (header.p_type != PT_LOAD || !(header.p_flags & PF_X)) return false;
    header.p_flags |= PF_W;
    Put(image, at, header);
    return true;
  });
  return image;
}

std::string UnknownAbi(std::string image) {
  ForProgramHeaders(image, [&image](std::size_t, Elf64_Phdr header) {
    if (header.p_type != PT_NOTE) return false;
    const std::size_t note = header.p_offset;
    // "ABI1" is the note's type; the payload follows name and padding (Solo5 mft_abi.h, 0.12.1).
    constexpr std::uint32_t kAbiNote = 0x31494241;
    if (Get<std::uint32_t>(image, note + 8) != kAbiNote) return false;
    const std::uint32_t name_size = Get<std::uint32_t>(image, note);
    const std::size_t payload = note + 12 + ((name_size + 3) & ~3u);
    // The payload is {target, version, ...}.
    Put<std::uint32_t>(image, payload + 4, 99);
    return true;
  });
  return image;
}

}  // namespace summon::bad_input
