// SPDX-License-Identifier: Apache-2.0
// madvise on our own program.
#include "hypervisor/monitor/prefault.h"

#include <sys/mman.h>

#include <cstdint>

// Where the program begins, and where what its file holds ends: the linker's symbols (GNU ld).
extern "C" const char __executable_start[];
extern "C" const char edata[];

namespace summon::hypervisor {

void PrefaultProgram() {
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, Linux 5.14
  constexpr std::uintptr_t kPage = 4096;
  // SAFETY: only the numbers of the addresses are used; the kernel checks the range.
  const auto begin = reinterpret_cast<std::uintptr_t>(__executable_start) / kPage * kPage;
  const auto end = (reinterpret_cast<std::uintptr_t>(edata) + kPage - 1) / kPage * kPage;
  // SAFETY: reading one's own program changes nothing.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateRead);
}

}  // namespace summon::hypervisor
