// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads an ELF core of a guest, from the ELF specification and the kernel's structures alone.

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace summon::hypervisor {

// The structure at `offset`; nothing when the file is too short.
template <typename T>
std::optional<T> StructureAt(std::span<const std::uint8_t> file, std::size_t offset) {
  if (offset > file.size() || sizeof(T) > file.size() - offset) return std::nullopt;
  T value;
  // SAFETY: checked just above.
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

struct ReadCore {
  elf_prstatus status{};
  user_regs_struct registers{};
  Elf64_Phdr memory{};  // its PT_LOAD
};

// Nothing when `file` is no core with exactly one thread's registers and one piece of memory.
inline std::optional<ReadCore> ParseCore(std::span<const std::uint8_t> file) {
  const auto header = StructureAt<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  if (header->e_type != ET_CORE || header->e_machine != EM_X86_64 || header->e_phnum != 2) {
    return std::nullopt;
  }
  ReadCore core;
  bool has_status = false;
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto segment =
        StructureAt<Elf64_Phdr>(file, header->e_phoff + i * header->e_phentsize);
    if (!segment) return std::nullopt;
    if (segment->p_type == PT_LOAD) core.memory = *segment;
    if (segment->p_type != PT_NOTE) continue;
    const auto note = StructureAt<Elf64_Nhdr>(file, segment->p_offset);
    if (!note || note->n_type != NT_PRSTATUS || note->n_descsz != sizeof(elf_prstatus)) {
      return std::nullopt;
    }
    const std::size_t name_size = (note->n_namesz + 3u) & ~3u;  // padded to 4 bytes
    const auto status =
        StructureAt<elf_prstatus>(file, segment->p_offset + sizeof *note + name_size);
    if (!status) return std::nullopt;
    core.status = *status;
    has_status = true;
  }
  if (!has_status || core.memory.p_memsz == 0) return std::nullopt;
  // SAFETY: pr_reg is an array of the size of user_regs_struct.
  std::memcpy(&core.registers, core.status.pr_reg, sizeof core.registers);
  return core;
}

}  // namespace summon::hypervisor
