// SPDX-License-Identifier: Apache-2.0
// The watch over the boot stages and the jump into the guest, for x86_64. Everything of the
// process launcher that knows the machine stands here.
//
// Once the guest runs, the FS register is its own: code in this file must not use thread-local
// storage, and that includes the stack protector's canary and errno. The file is compiled without
// stack protector, sanitizers and fortification, and makes system calls only by RawCall.
#include "hypervisor/spt/stage_watch.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstddef>

#include "hypervisor/abi/solo5.h"
#include "hypervisor/devices/frame.h"

// Linux 5.11; Debian 12's glibc headers may lack them under GCC's -std without GNU extensions.
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#define SYSCALL_DISPATCH_FILTER_ALLOW 0
#define SYSCALL_DISPATCH_FILTER_BLOCK 1
#endif

// The exempt range: the only code whose system calls the kernel does not hand to the handler.
//   summon_spt_call(number, a0..a5): a plain system call, the result as the kernel gives it.
//   summon_spt_restorer: where the handler returns to. It must lie in the range, so it cannot be
//     the C library's.
//   summon_spt_enter(entry, stack, argument): the jump. No address of ours stays in a register.
asm(R"(
  .pushsection .text.summon_spt_exempt, "ax", @progbits
  .balign 16
  .globl summon_spt_exempt_begin
  .hidden summon_spt_exempt_begin
summon_spt_exempt_begin:
  .globl summon_spt_call
  .hidden summon_spt_call
  .type summon_spt_call, @function
summon_spt_call:
  movq %rdi, %rax
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  movq %r8, %r10
  movq %r9, %r8
  movq 8(%rsp), %r9
  syscall
  ret
  .globl summon_spt_restorer
  .hidden summon_spt_restorer
  .type summon_spt_restorer, @function
summon_spt_restorer:
  movl $15, %eax
  syscall
  ud2
  .globl summon_spt_exempt_end
  .hidden summon_spt_exempt_end
summon_spt_exempt_end:
  .globl summon_spt_enter
  .hidden summon_spt_enter
  .type summon_spt_enter, @function
summon_spt_enter:
  movq %rdi, %rax
  movq %rsi, %rsp
  movq %rdx, %rdi
  xorl %ebx, %ebx
  xorl %ecx, %ecx
  xorl %edx, %edx
  xorl %esi, %esi
  xorl %ebp, %ebp
  xorl %r8d, %r8d
  xorl %r9d, %r9d
  xorl %r10d, %r10d
  xorl %r11d, %r11d
  xorl %r12d, %r12d
  xorl %r13d, %r13d
  xorl %r14d, %r14d
  xorl %r15d, %r15d
  cld
  jmp *%rax
  .popsection
)");

extern "C" {
extern const char summon_spt_exempt_begin[];
extern const char summon_spt_exempt_end[];
long summon_spt_call(long number, long a0, long a1, long a2, long a3, long a4, long a5);
void summon_spt_restorer();
[[noreturn]] void summon_spt_enter(std::uint64_t entry, std::uint64_t stack,
                                   std::uint64_t argument);
}

namespace summon::hypervisor {
namespace {

static_assert(SYS_rt_sigreturn == 15, "the restorer says the number itself");

// The kernel's struct sigaction and SA_RESTORER (asm/signal.h), which the C library hides.
constexpr unsigned long kSaRestorer = 0x04000000;
struct KernelSigaction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

// Holds a signal frame with AVX-512 and AMX state (about 11 KiB) and the handler's own frames.
constexpr std::size_t kHandlerStackSize = 64 * 1024;

// The watch's state. A signal handler has no argument through which it could be given one, so
// this is one of the few mutable globals of the project; only this file can name it.
struct WatchState {
  volatile unsigned char selector;  // read by the kernel at each system call
  bool armed;
  bool ready_sent;
  bool packet_in_sent;
  WatchPlan plan;
};
constinit WatchState g_watch = {};
alignas(64) constinit unsigned char g_handler_stack[kHandlerStackSize] = {};

struct CallArguments {
  long a0 = 0;
  long a1 = 0;
  long a2 = 0;
  long a3 = 0;
  long a4 = 0;
  long a5 = 0;
};

inline long RawCall(long number, const CallArguments& a) {
  return summon_spt_call(number, a.a0, a.a1, a.a2, a.a3, a.a4, a.a5);
}

long AddressOf(const volatile void* object) {
  // SAFETY: an address becomes a system call's argument; nothing is accessed here.
  return static_cast<long>(reinterpret_cast<std::uintptr_t>(object));
}

bool IsNet(long fd) { return fd >= 0 && fd < kWatchedFdMax && g_watch.plan.net_fds[fd]; }

void Send(Stage stage) { ReportStage(g_watch.plan.control_fd, stage); }

// From here on the guest's calls go straight to the kernel.
void Disarm() { g_watch.selector = SYSCALL_DISPATCH_FILTER_ALLOW; }

void Before(long number) {
  if (g_watch.ready_sent || number != SYS_epoll_pwait) return;
  g_watch.ready_sent = true;
  Send(Stage::kReady);
  if (!g_watch.plan.has_net) Disarm();
}

void After(long number, const CallArguments& arguments, long result) {
  if (result <= 0 || !IsNet(arguments.a0)) return;
  if (number == SYS_read && !g_watch.packet_in_sent) {
    g_watch.packet_in_sent = true;
    Send(Stage::kFirstPacketIn);
  }
  if (number != SYS_write) return;
  // SAFETY: the kernel has just read `result` bytes at this address for the same thread, so they
  // can be read. What they say may change the stage that is reported, and nothing else.
  const auto* frame = reinterpret_cast<const std::uint8_t*>(arguments.a1);
  if (!CarriesAnswer(Bytes(frame, static_cast<std::size_t>(result)))) return;
  Send(Stage::kFirstByteOut);
  Disarm();
}

// Makes the guest's system call in its place. Runs on its own stack with the guest's FS.
void OnSystemCall(int, siginfo_t*, void* context) {
  greg_t* const registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const long number = static_cast<long>(registers[REG_RAX]);
  const CallArguments arguments = {
      static_cast<long>(registers[REG_RDI]), static_cast<long>(registers[REG_RSI]),
      static_cast<long>(registers[REG_RDX]), static_cast<long>(registers[REG_R10]),
      static_cast<long>(registers[REG_R8]),  static_cast<long>(registers[REG_R9])};
  Before(number);
  const long result = RawCall(number, arguments);
  After(number, arguments, result);
  registers[REG_RAX] = result;
}

Error RawError(const char* doing, long result) {
  return ErrnoError(doing, static_cast<int>(-result));
}

Status InstallHandler() {
  stack_t stack = {};
  stack.ss_sp = g_handler_stack;
  stack.ss_size = sizeof g_handler_stack;
  long result = RawCall(SYS_sigaltstack, {.a0 = AddressOf(&stack)});
  if (result < 0) return RawError("set the stage watch's signal stack", result);
  const KernelSigaction action = {OnSystemCall, SA_SIGINFO | SA_ONSTACK | kSaRestorer,
                                  summon_spt_restorer, 0};
  result = RawCall(SYS_rt_sigaction,
                   {.a0 = SIGSYS, .a1 = AddressOf(&action), .a3 = sizeof(std::uint64_t)});
  if (result < 0) return RawError("set the stage watch's signal handler", result);
  return Ok();
}

}  // namespace

void ReportStage(int control_fd, Stage stage) {
  ReportFrame frame = {};
  frame.magic = kProtocolMagic;
  frame.version = kProtocolVersion;
  frame.kind = ReportKind::kStage;
  frame.stage = stage;
  timespec now = {};
  RawCall(SYS_clock_gettime, {.a0 = CLOCK_MONOTONIC, .a1 = AddressOf(&now)});
  frame.at_nanos = now.tv_sec * 1'000'000'000 + now.tv_nsec;
  (void)RawCall(SYS_sendto, {.a0 = control_fd,
                             .a1 = AddressOf(&frame),
                             .a2 = sizeof frame,
                             .a3 = MSG_DONTWAIT | MSG_NOSIGNAL});  // nobody to tell of a failure
}

Result<WatchReach> ArmStageWatch(const WatchPlan& plan) {
  g_watch.plan = plan;
  SUMMON_TRY(InstallHandler());
  const long begin = AddressOf(summon_spt_exempt_begin);
  const long result = RawCall(
      SYS_prctl, {.a0 = PR_SET_SYSCALL_USER_DISPATCH,
                  .a1 = PR_SYS_DISPATCH_ON,
                  .a2 = begin,
                  .a3 = AddressOf(summon_spt_exempt_end) - begin,
                  .a4 = AddressOf(&g_watch.selector)});
  if (result == -EINVAL || result == -ENOSYS) return WatchReach::kNothing;
  if (result < 0) return RawError("switch on syscall user dispatch", result);
  g_watch.armed = true;
  return WatchReach::kAllStages;
}

Error EnterGuest(const GuestStart& start, const FilterProgram& filter) {
  const auto code = filter.instructions();
  // The kernel does not write through this pointer; its struct lacks the const.
  const sock_fprog program = {static_cast<unsigned short>(code.size()),
                              const_cast<sock_filter*>(code.data())};
  const long result = RawCall(
      SYS_seccomp, {.a0 = SECCOMP_SET_MODE_FILTER, .a2 = AddressOf(&program)});
  if (result < 0) return RawError("install the system call filter", result);
  // The guest must find no thread pointer: not ours to scribble on, and ABI 1 and 2 guests that
  // use TLS without setting it up are to fault.
  (void)RawCall(SYS_arch_prctl, {.a0 = ARCH_SET_FS, .a1 = 0});  // cannot fail
  if (g_watch.armed) g_watch.selector = SYSCALL_DISPATCH_FILTER_BLOCK;
  // As if called: (stack + 8) is 16-aligned at entry.
  summon_spt_enter(start.entry, start.memory_bytes - sizeof(std::uint64_t), start.boot_info);
}

}  // namespace summon::hypervisor
