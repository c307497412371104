// SPDX-License-Identifier: Apache-2.0
// Fuzzes the loader: any text ends in a configuration or in at least one error, never both.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "configs/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // SAFETY: char and uint8_t have the same representation.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto outcome = summon::configs::LoadText(text, "fuzz.textproto",
                                                 {.check_files = false, .host_memory_mib = 1000});
  SUMMON_CHECK(outcome.ok() == outcome.errors.empty());
  (void)outcome.ToString();
  return 0;
}
