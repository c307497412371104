// SPDX-License-Identifier: Apache-2.0
// The guests' code. Boot information, in RDI at entry: 16 command line, 24 manifest, 32 epoll
// descriptor, 36 timer descriptor. The first device's descriptor is 200 bytes into the manifest
// (header 8, reserved entry 104, offset 88). Calls: read 0, write 1, pread64 17, pwrite64 18,
// getpid 39, sendto 44, exit_group 231, epoll_pwait 281, timerfd_settime 286.
#include "tests/hypervisor/spt_guests.h"

#define SUMMON_GUEST(symbol, body)                                                  \
  asm(".pushsection .rodata.summon_guests, \"a\", @progbits\n"                      \
      ".globl " #symbol "_begin\n.hidden " #symbol "_begin\n" #symbol "_begin:\n"   \
      body "\n.globl " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n"  \
      ".popsection\n");                                                             \
  extern "C" const std::uint8_t symbol##_begin[], symbol##_end[];

SUMMON_GUEST(guest_exit42, "movl $42, %edi; movl $231, %eax; syscall")

SUMMON_GUEST(guest_print, R"(
  movl $1, %edi; leaq 1f(%rip), %rsi; movl $6, %edx; movl $1, %eax; syscall
  xorl %edi, %edi; movl $231, %eax; syscall
1: .ascii "hello\n"
)")

SUMMON_GUEST(guest_print_command, R"(
  movq 16(%rdi), %rsi; movl $1, %edi; movl $5, %edx; movl $1, %eax; syscall
  xorl %edi, %edi; movl $231, %eax; syscall
)")

// A relative timer of 20 ms, then epoll_pwait(epoll, events on the stack, 8, -1, 0, 0).
SUMMON_GUEST(guest_sleep, R"(
  subq $256, %rsp
  movq %rdi, %rbx
  movq $0, (%rsp); movq $0, 8(%rsp); movq $0, 16(%rsp); movq $20000000, 24(%rsp)
  movl 36(%rbx), %edi; xorl %esi, %esi; movq %rsp, %rdx; xorl %r10d, %r10d
  movl $286, %eax; syscall
  movl 32(%rbx), %edi; leaq 64(%rsp), %rsi; movl $8, %edx; movq $-1, %r10
  xorl %r8d, %r8d; xorl %r9d, %r9d; movl $281, %eax; syscall
  movl %eax, %edi; movl $231, %eax; syscall
)")

SUMMON_GUEST(guest_echo, R"(
  subq $2560, %rsp
  movq %rdi, %rbx
  movq 24(%rbx), %rcx; movl 200(%rcx), %ebp
1:
  movl 32(%rbx), %edi; movq %rsp, %rsi; movl $8, %edx; movq $-1, %r10
  xorl %r8d, %r8d; xorl %r9d, %r9d; movl $281, %eax; syscall
  movl %ebp, %edi; leaq 512(%rsp), %rsi; movl $2048, %edx; xorl %eax, %eax; syscall
  testq %rax, %rax; jle 1b
  movq %rax, %rdx; movl %ebp, %edi; leaq 512(%rsp), %rsi; movl $1, %eax; syscall
  jmp 1b
)")

// clock_gettime (228) of CLOCK_REALTIME.
SUMMON_GUEST(guest_wall_clock, R"(
  subq $256, %rsp
  xorl %edi, %edi; movq %rsp, %rsi; movl $228, %eax; syscall
  xorl %edi, %edi; cmpq $1000000000, (%rsp); jle 1f
  movl $7, %edi
1: movl $231, %eax; syscall
)")

SUMMON_GUEST(guest_spin, "1: jmp 1b")
SUMMON_GUEST(guest_getpid, "movl $39, %eax; syscall; xorl %edi, %edi; movl $231, %eax; syscall")
SUMMON_GUEST(guest_flood_control, R"(
  movl $3, %edi; movq %rsp, %rsi; subq $64, %rsi; movl $8, %edx; movl $0x4040, %r10d
  xorl %r8d, %r8d; xorl %r9d, %r9d; movl $44, %eax; syscall
  xorl %edi, %edi; movl $231, %eax; syscall
)")
SUMMON_GUEST(guest_read_zero, "movl 0, %eax; movl $231, %eax; syscall")
SUMMON_GUEST(guest_read_tls, "movq %fs:0, %rdi; movl $231, %eax; syscall")
SUMMON_GUEST(guest_write_text, "leaq 1f(%rip), %rax; movb $0, (%rax); 1: movl $231, %eax; syscall")
SUMMON_GUEST(guest_write_boot_info, "movq $0, (%rdi); movl $231, %eax; syscall")
SUMMON_GUEST(guest_run_stack, "movw $0xfeeb, -64(%rsp); leaq -64(%rsp), %rax; jmp *%rax")

#define SUMMON_GUEST_WRITE(symbol, size, offset)                                      \
  SUMMON_GUEST(symbol, "movq %rdi, %rbx; movq 24(%rbx), %rcx; movl 200(%rcx), %edi;"  \
                       "movq %rbx, %rsi; movl $" #size ", %edx; movl $" #offset       \
                       ", %r10d; movl $18, %eax; syscall;"                            \
                       "xorl %edi, %edi; testq %rax, %rax; jns 1f; subl %eax, %edi;"  \
                       "1: movl $231, %eax; syscall")
SUMMON_GUEST_WRITE(guest_write_sector, 512, 512)
SUMMON_GUEST_WRITE(guest_write_past_end, 512, 1537)
SUMMON_GUEST_WRITE(guest_write_two_sectors, 1024, 0)

SUMMON_GUEST(guest_read_sector, R"(
  subq $1024, %rsp
  movq 24(%rdi), %rcx; movl 200(%rcx), %edi; movq %rsp, %rsi; movl $512, %edx
  movl $512, %r10d; movl $17, %eax; syscall
  movl $1, %edi; movq %rsp, %rsi; movl $5, %edx; movl $1, %eax; syscall
  xorl %edi, %edi; movl $231, %eax; syscall
)")

namespace summon::hypervisor {

#define SUMMON_GUEST_CODE(function, symbol) \
  std::vector<std::uint8_t> function() { return {symbol##_begin, symbol##_end}; }

SUMMON_GUEST_CODE(GuestExit42, guest_exit42)
SUMMON_GUEST_CODE(GuestPrint, guest_print)
SUMMON_GUEST_CODE(GuestPrintCommand, guest_print_command)
SUMMON_GUEST_CODE(GuestSleep, guest_sleep)
SUMMON_GUEST_CODE(GuestWallClock, guest_wall_clock)
SUMMON_GUEST_CODE(GuestEcho, guest_echo)
SUMMON_GUEST_CODE(GuestSpin, guest_spin)
SUMMON_GUEST_CODE(GuestGetpid, guest_getpid)
SUMMON_GUEST_CODE(GuestFloodControl, guest_flood_control)
SUMMON_GUEST_CODE(GuestReadZero, guest_read_zero)
SUMMON_GUEST_CODE(GuestReadTls, guest_read_tls)
SUMMON_GUEST_CODE(GuestWriteText, guest_write_text)
SUMMON_GUEST_CODE(GuestWriteBootInfo, guest_write_boot_info)
SUMMON_GUEST_CODE(GuestRunStack, guest_run_stack)
SUMMON_GUEST_CODE(GuestWriteSector, guest_write_sector)
SUMMON_GUEST_CODE(GuestWritePastEnd, guest_write_past_end)
SUMMON_GUEST_CODE(GuestWriteTwoSectors, guest_write_two_sectors)
SUMMON_GUEST_CODE(GuestReadSector, guest_read_sector)

}  // namespace summon::hypervisor
