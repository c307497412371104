// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments of `summon run`, with Solo5's option names. Pure.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "launcher/foreground/foreground.h"

namespace summon::cli {

// What `summon run --help` prints.
std::string RunHelp();

// Options come first, then the image, then the guest's own arguments; `--` ends the options.
// Errors: kInvalid, naming the argument and what it should be like.
Result<launcher::ForegroundOptions> ParseRunArguments(std::span<const std::string> arguments);

// An argument of the guest that looks like an option of ours and may have been meant as one.
// Nothing when `--` says where the options end.
std::optional<std::string> MisplacedOption(std::span<const std::string> arguments);

}  // namespace summon::cli
