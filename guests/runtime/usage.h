// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a guest refuses its command line: one clear console line, and exit status 64.

#include "guests/runtime/arguments.h"
#include "guests/runtime/runtime.h"
#include "guests/runtime/text.h"

namespace summon::guest {

// The exit status to return from Main().
inline int RefuseArguments(std::string_view program, const ArgumentError& error) {
  Line line;
  line << program << ": argument " << error.word << ' ' << error.why << '\n';
  Print(line.view());
  return kExitUsage;
}

}  // namespace summon::guest
