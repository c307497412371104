// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small configurations for tests: one that is right, and what differs from it.

#include <string>
#include <string_view>

#include "base/strings.h"
#include "configs/load.h"

namespace summon::configs {

inline constexpr std::string_view kZone = "zone { apex: \"summon.test\" }\n";

// A whole file with one service, whose last fields are `more`. Line 2 is the service's first.
inline std::string WithService(std::string_view more) {
  return StrCat(kZone, "service { name: \"hello\" dns_name: \"hello.summon.test\"\n",
                "address: \"10.77.0.10\" image: \"web.hvt\"\n", more, "\n}\n");
}

// Looks at no files, and at no machine's memory: 1000 MiB make a budget of 800.
inline LoadOutcome LoadPure(std::string_view text) {
  return LoadText(text, "site.textproto", {.check_files = false, .host_memory_mib = 1000});
}

// The first error with its source line, or what else came of it.
inline std::string FirstError(std::string_view text) {
  const LoadOutcome outcome = LoadPure(text);
  return outcome.errors.empty() ? "no error" : outcome.errors.front().ToString();
}

}  // namespace summon::configs
