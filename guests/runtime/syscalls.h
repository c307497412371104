// SPDX-License-Identifier: Apache-2.0
#pragma once
// The system calls that an spt guest may make (Solo5 spt: its seccomp filter allows no other).

#include <cstdint>

namespace summon::guest {

enum class SystemCall : long {
  kRead = 0,
  kWrite = 1,
  kPread64 = 17,
  kPwrite64 = 18,
  kClockGettime = 228,
  kExitGroup = 231,
  kEpollPwait = 281,
  kTimerfdSettime = 286,
};

// Pointers and numbers as the kernel takes them.
template <typename T>
long SystemCallWord(T* pointer) {
  return reinterpret_cast<long>(pointer);  // SAFETY: how the kernel takes pointers, psABI A.2.1
}
template <typename T>
long SystemCallWord(T number) {
  return static_cast<long>(number);
}

// Linux on x86_64: negative results are error numbers. R8 and R9 (unused here but for
// epoll_pwait, which wants no signal mask) are zero.
template <typename A = long, typename B = long, typename C = long, typename D = long>
long Invoke(SystemCall call, A a = 0, B b = 0, C c = 0, D d = 0) {
  long result;
  register long r10 asm("r10") = SystemCallWord(d);
  register long r8 asm("r8") = 0;
  register long r9 asm("r9") = 0;
  // SAFETY: the kernel checks every pointer; what it writes lies in objects whose addresses
  // were passed, hence "memory". The call itself spoils RCX and R11.
  asm volatile("syscall"
               : "=a"(result)
               : "0"(static_cast<long>(call)), "D"(SystemCallWord(a)), "S"(SystemCallWord(b)),
                 "d"(SystemCallWord(c)), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline constexpr long kErrorInterrupted = -4;  // -EINTR
inline constexpr long kErrorAgain = -11;       // -EAGAIN

}  // namespace summon::guest
