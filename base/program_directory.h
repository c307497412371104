// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where our own executable lies: programs that start one another stand side by side.

#include <string>

#include "base/result.h"

namespace summon {

// The directory of the running executable, without a slash at its end.
Result<std::string> OwnProgramDirectory();

}  // namespace summon
