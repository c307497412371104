// SPDX-License-Identifier: Apache-2.0
// How a failed check ends the process. Uses no allocation: the heap may be what is broken.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace summon {

void CheckFailed(const char* file, int line, const char* text) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
  std::abort();
}

}  // namespace summon
