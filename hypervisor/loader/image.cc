// SPDX-License-Identifier: Apache-2.0
// Parses images; see the header. The rules are those of the Solo5 tenders where they are sound,
// and stricter where upstream relies on fresh memory or on the tool chain.
#include "hypervisor/loader/image.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "base/strings.h"
#include "hypervisor/loader/notes.h"

namespace summon::hypervisor {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t kHostMachine = EM_AARCH64;
#else
#error "no Solo5 ABI for this machine"
#endif

// What a guest needs beside its image at the very least: one page of stack.
constexpr std::uint64_t kStackMin = kPageSize;
constexpr std::uint64_t kMebibyte = 1ull << 20;

Error Invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

std::string MachineName(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64: return "x86_64";
    case EM_AARCH64: return "aarch64";
    case EM_386: return "i386";
    case EM_ARM: return "arm";
    case EM_RISCV: return "riscv";
    case EM_PPC64: return "ppc64";
    default: return StrCat("machine ", machine);
  }
}

Status CheckIdentity(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return Invalid("not an ELF file: it does not begin with 0x7f \"ELF\"");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    return Invalid(StrCat("ELF class is ", header.e_ident[EI_CLASS], "; must be 2 (64-bit)"));
  }
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return Invalid(StrCat("ELF byte order is ", header.e_ident[EI_DATA],
                          "; must be 1 (little-endian)"));
  }
  if (header.e_machine != kHostMachine) {
    return Invalid(StrCat("the image is built for ", MachineName(header.e_machine),
                          "; this host is ", MachineName(kHostMachine)));
  }
  if (header.e_type != ET_EXEC) {
    return Invalid(StrCat("ELF type is ", header.e_type, "; must be ", ET_EXEC,
                          " (executable; a position-independent one is not bootable)"));
  }
  if (header.e_version != EV_CURRENT) {
    return Invalid(StrCat("ELF version is ", header.e_version, "; must be ", EV_CURRENT));
  }
  return Ok();
}

Status CheckHeaderSizes(const Elf64_Ehdr& header) {
  if (header.e_ehsize != sizeof(Elf64_Ehdr)) {
    return Invalid(StrCat("ELF header size is ", header.e_ehsize, "; must be ",
                          sizeof(Elf64_Ehdr)));
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr)) {
    return Invalid(StrCat("program header size is ", header.e_phentsize, "; must be ",
                          sizeof(Elf64_Phdr)));
  }
  if (header.e_phnum < 1 || header.e_phnum > kProgramHeadersMax) {
    return Invalid(StrCat("there are ", header.e_phnum, " program headers; must be 1..",
                          kProgramHeadersMax));
  }
  return Ok();
}

Result<Elf64_Ehdr> ReadHeader(ImageSource& source) {
  std::array<std::uint8_t, sizeof(Elf64_Ehdr)> bytes;
  SUMMON_TRY(ReadExactly(source, 0, bytes, "the ELF header"));
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  SUMMON_TRY(CheckIdentity(header));
  SUMMON_TRY(CheckHeaderSizes(header));
  return header;
}

// That the file holds every byte of the segment, so that a truncated image is refused before
// anything is built for it.
Status CheckFilePart(ImageSource& source, const Elf64_Phdr& segment, const std::string& which) {
  if (segment.p_filesz > segment.p_memsz) {
    return Invalid(StrCat(which, " has ", segment.p_filesz, " bytes in the file but only ",
                          segment.p_memsz, " in memory"));
  }
  if (segment.p_filesz == 0) return Ok();
  if (segment.p_filesz > kImageFileSizeMax ||
      segment.p_offset > kImageFileSizeMax - segment.p_filesz) {
    return Invalid(StrCat(which, " has ", segment.p_filesz, " bytes at file offset ",
                          segment.p_offset, "; images are at most ", kImageFileSizeMax, " bytes"));
  }
  std::array<std::uint8_t, 1> last;
  const std::uint64_t end = segment.p_offset + segment.p_filesz;
  if (SUMMON_TRY(source.ReadAt(end - 1, last)) != last.size()) {
    return Invalid(StrCat("the image is truncated: ", which, " reaches to file offset ", end));
  }
  return Ok();
}

Status CheckProtection(const Elf64_Phdr& segment, const std::string& which) {
  if ((segment.p_flags & PF_W) != 0 && (segment.p_flags & PF_X) != 0) {
    return Invalid(StrCat(which, " at ", Hex(segment.p_vaddr),
                          " is writable and executable; must not be both"));
  }
  return Ok();
}

// The end of the segment in memory, rounded up to its alignment and to a page, when the segment
// lies where a segment may lie: aligned, at or above `floor`.
Result<std::uint64_t> CheckPlace(const Elf64_Phdr& segment, std::uint64_t floor,
                                 const std::string& which) {
  if (!std::has_single_bit(segment.p_align)) {
    return Invalid(StrCat(which, " has the alignment ", segment.p_align,
                          "; must be a power of two"));
  }
  if (segment.p_align > kGuestMemoryMax) {
    return Invalid(StrCat(which, " has the alignment ", segment.p_align, "; at most ",
                          kGuestMemoryMax));
  }
  const std::uint64_t begin = segment.p_vaddr & ~(segment.p_align - 1);
  if (begin < kImageFloor) {
    return Invalid(StrCat(which, " begins at ", Hex(begin), "; must not lie below ",
                          Hex(kImageFloor)));
  }
  if (begin % kPageSize != 0) {
    return Invalid(StrCat(which, " begins at ", Hex(begin), "; must begin on a page of ",
                          kPageSize, " bytes"));
  }
  if (begin < floor) {
    return Invalid(StrCat(which, " begins at ", Hex(begin), " inside the segment before it, which "
                          "ends at ", Hex(floor), "; segments must ascend and not overlap"));
  }
  if (segment.p_vaddr > kGuestMemoryMax || segment.p_memsz > kGuestMemoryMax - segment.p_vaddr) {
    return Invalid(StrCat(which, " has ", segment.p_memsz, " bytes at ", Hex(segment.p_vaddr),
                          "; guest memory ends at ", Hex(kGuestMemoryMax)));
  }
  // No overflow: both terms are at most kGuestMemoryMax.
  const std::uint64_t unit = std::max(segment.p_align, kPageSize);
  return (segment.p_vaddr + segment.p_memsz + unit - 1) & ~(unit - 1);
}

Status AddSegment(ImageSource& source, const Elf64_Phdr& header, std::size_t index, Image& image) {
  if (header.p_memsz == 0 && header.p_filesz == 0) return Ok();  // ABI 2 images have empty ones
  const std::string which = StrCat("segment ", index);
  SUMMON_TRY(CheckFilePart(source, header, which));
  SUMMON_TRY(CheckProtection(header, which));
  image.end = SUMMON_TRY(CheckPlace(header, image.end, which));
  image.segments.push_back({.guest_address = header.p_vaddr,
                            .memory_size = header.p_memsz,
                            .file_offset = header.p_offset,
                            .file_size = header.p_filesz,
                            .align = header.p_align,
                            .readable = (header.p_flags & PF_R) != 0,
                            .writable = (header.p_flags & PF_W) != 0,
                            .executable = (header.p_flags & PF_X) != 0});
  return Ok();
}

Status CheckEntry(const Image& image) {
  for (const Segment& segment : image.segments) {
    if (segment.executable && image.entry >= segment.guest_address &&
        image.entry - segment.guest_address < segment.memory_size) {
      return Ok();
    }
  }
  return Invalid(StrCat("the entry point ", Hex(image.entry),
                        " lies outside every executable segment"));
}

}  // namespace

Result<Image> ParseImage(ImageSource& source, Target target) {
  const Elf64_Ehdr header = SUMMON_TRY(ReadHeader(source));
  if (header.e_phoff > kImageFileSizeMax) {
    return Invalid(StrCat("program headers at file offset ", header.e_phoff, "; at most ",
                          kImageFileSizeMax));
  }
  std::array<Elf64_Phdr, kProgramHeadersMax> table;
  // SAFETY: Elf64_Phdr is trivially copyable and e_phnum <= kProgramHeadersMax by ReadHeader.
  SUMMON_TRY(ReadExactly(source, header.e_phoff,
                         {reinterpret_cast<std::uint8_t*>(table.data()),
                          header.e_phnum * sizeof(Elf64_Phdr)},
                         "the program header table"));
  const std::span<const Elf64_Phdr> headers(table.data(), header.e_phnum);

  // The notes first: for a file that is no Solo5 image, that is what to say.
  ImageNotes notes;
  for (const Elf64_Phdr& segment : headers) {
    if (segment.p_type != PT_NOTE) continue;
    if (segment.p_offset > kImageFileSizeMax) {
      return Invalid(StrCat("a note segment at file offset ", segment.p_offset, "; at most ",
                            kImageFileSizeMax));
    }
    SUMMON_TRY(ReadNote(source, {segment.p_offset, segment.p_filesz}, notes));
  }
  SUMMON_TRY(CheckAbi(notes, target));

  Image image;
  image.entry = header.e_entry;
  image.abi_version = notes.abi->version;
  image.manifest = *notes.manifest;
  image.segments.reserve(kProgramHeadersMax);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].p_type == PT_LOAD) SUMMON_TRY(AddSegment(source, headers[i], i, image));
  }
  if (image.segments.empty()) return Invalid("there is no loadable segment");
  SUMMON_TRY(CheckEntry(image));
  return image;
}

Status CheckFits(const Image& image, std::uint64_t memory_bytes) {
  if (image.end <= memory_bytes && memory_bytes - image.end >= kStackMin) return Ok();
  const std::uint64_t needed = image.end + kStackMin;
  return Invalid(StrCat("the image reaches to ", Hex(image.end), " and needs at least ",
                        (needed + kMebibyte - 1) / kMebibyte, " MiB of memory; it is given ",
                        memory_bytes / kMebibyte, " MiB"));
}

}  // namespace summon::hypervisor
