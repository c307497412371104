// SPDX-License-Identifier: Apache-2.0
#pragma once
// SUMMON_CHECK: a statement about our own code that must hold. Always compiled in.
//
// For bugs in us only. What a guest, a peer, a file or the operating system can cause is an error
// (base/result.h), never a failed check. The condition has no side effects.

namespace summon {

// Prints "file:line: check failed: text" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text);

}  // namespace summon

#define SUMMON_CHECK(condition)                                   \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::summon::CheckFailed(__FILE__, __LINE__, #condition);      \
  } while (false)
