// SPDX-License-Identifier: Apache-2.0
// Layouts from elf.h and the kernel's include/uapi/linux/elfcore.h; the registers' order is that
// of user_regs_struct (sys/user.h).
#include "hypervisor/monitor/core_dump.h"

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "hypervisor/abi/solo5.h"

namespace summon::hypervisor {

namespace {

constexpr std::size_t kPage = 4096;
// The name of Linux's notes, padded to 4 bytes; the size in the note counts the NUL and no padding.
constexpr char kCoreName[8] = "CORE";
constexpr std::uint32_t kCoreNameSize = 5;

constexpr std::size_t kNoteOffset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
constexpr std::size_t kStatusOffset = kNoteOffset + sizeof(Elf64_Nhdr) + sizeof kCoreName;
static_assert(kStatusOffset + sizeof(elf_prstatus) == kCoreHeadersSize);
static_assert(sizeof(user_regs_struct) == sizeof(elf_prstatus::pr_reg));

user_regs_struct UserRegisters(const CoreRegisters& registers) {
  const auto& values = registers.general.values;
  const SegmentValues& segments = registers.segments;
  user_regs_struct user{};
  user.rax = values[kRax];
  user.rcx = values[kRcx];
  user.rdx = values[kRdx];
  user.rbx = values[kRbx];
  user.rsp = values[kRsp];
  user.rbp = values[kRbp];
  user.rsi = values[kRsi];
  user.rdi = values[kRdi];
  user.r8 = values[8];
  user.r9 = values[9];
  user.r10 = values[10];
  user.r11 = values[11];
  user.r12 = values[12];
  user.r13 = values[13];
  user.r14 = values[14];
  user.r15 = values[15];
  user.orig_rax = ~0ull;  // not in a system call
  user.rip = registers.general.rip;
  user.eflags = registers.general.rflags;
  user.cs = segments.cs;
  user.ss = segments.ss;
  user.ds = segments.ds;
  user.es = segments.es;
  user.fs = segments.fs;
  user.gs = segments.gs;
  user.fs_base = segments.fs_base;
  user.gs_base = segments.gs_base;
  return user;
}

bool IsZero(const std::uint8_t* page) {
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < kPage; at += sizeof seen) {
    std::uint64_t word = 0;
    std::memcpy(&word, page + at, sizeof word);  // SAFETY: inside the page
    seen |= word;
  }
  return seen == 0;
}

int WriteAll(int fd, std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

}  // namespace

std::array<std::uint8_t, kCoreHeadersSize> CoreHeaders(const CoreSubject& subject) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;

  Elf64_Phdr segments[2]{};
  segments[0].p_type = PT_NOTE;
  segments[0].p_offset = kNoteOffset;
  segments[0].p_filesz = kCoreHeadersSize - kNoteOffset;
  segments[0].p_align = 4;
  segments[1].p_type = PT_LOAD;
  segments[1].p_flags = PF_R | PF_W | PF_X;
  segments[1].p_offset = kCoreMemoryOffset;
  segments[1].p_filesz = segments[1].p_memsz = subject.memory_bytes;
  segments[1].p_align = kPage;

  const Elf64_Nhdr note{kCoreNameSize, sizeof(elf_prstatus), NT_PRSTATUS};
  elf_prstatus status{};
  status.pr_info.si_signo = static_cast<int>(subject.signal);
  status.pr_cursig = static_cast<short>(subject.signal);
  status.pr_pid = 1;  // the only thread; a debugger wants a number
  const user_regs_struct user = UserRegisters(subject.registers);
  std::memcpy(status.pr_reg, &user, sizeof user);  // SAFETY: equal sizes, asserted above

  std::array<std::uint8_t, kCoreHeadersSize> bytes{};
  std::size_t at = 0;
  const auto add = [&bytes, &at](const void* part, std::size_t size) {
    SUMMON_CHECK(size <= bytes.size() - at);
    std::memcpy(bytes.data() + at, part, size);  // SAFETY: checked
    at += size;
  };
  add(&header, sizeof header);
  add(segments, sizeof segments);
  add(&note, sizeof note);
  add(kCoreName, sizeof kCoreName);
  add(&status, sizeof status);
  return bytes;
}

void ApplyTrap(const TrapCookieX86& trap, CoreRegisters& registers) {
  registers.general.rip = trap.rip;
  registers.general.rflags = trap.rflags;
  registers.general.values[kRsp] = trap.rsp;
  registers.segments.cs = static_cast<std::uint16_t>(trap.cs);
  registers.segments.ss = static_cast<std::uint16_t>(trap.ss);
}

bool LeavesCore(const End& end) {
  return end.reason == EndReason::kGuestFault ||
         (end.reason == EndReason::kHalted && end.exit_status == kExitAbort);
}

int WriteCore(int fd, const CoreSubject& subject, std::span<const std::uint8_t> memory) {
  SUMMON_CHECK(memory.size() % kPage == 0 && !memory.empty());
  const std::size_t last = memory.size() - kPage;
  for (std::size_t at = 0; at <= last;) {
    std::size_t end = at;
    while (end <= last && (end == last || !IsZero(memory.data() + end))) end += kPage;
    if (end == at) {
      at += kPage;
      continue;
    }
    const int failed = WriteAll(fd, memory.subspan(at, end - at), kCoreMemoryOffset + at);
    if (failed != 0) return failed;
    at = end;
  }
  return WriteAll(fd, CoreHeaders(subject), 0);
}

}  // namespace summon::hypervisor
