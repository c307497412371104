// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a configuration file and checks all of it.
//
// An operator should see everything that is wrong at once, with the place, the limit and a way
// to mend it: the loader never stops at the first error (but at kDiagnosticsMax).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "configs/config.h"

namespace summon::configs {

enum class Severity { kError, kWarning };

// One thing to tell the operator.
struct Diagnostic {
  std::string file;
  int line = 0;    // 1-based; 0: the file as a whole
  int column = 0;  // 1-based, in bytes
  Severity severity = Severity::kError;
  std::string message;      // what was wrong, the value, the limit
  std::string hint;         // how to mend it; may be empty
  std::string source_line;  // the line itself; may be empty

  // "file:line:column: message" (warnings: "file:line:column: warning: message"), then, when
  // there is one, the source line with a caret and the hint under it. No newline at the end.
  std::string ToString() const;
};

struct LoadOptions {
  // Images and block files are looked at (they exist, are files, may be read). Off for fuzzing.
  bool check_files = true;
  // The host's memory, for the default budget; 0: ask the system.
  std::uint64_t host_memory_mib = 0;
};

struct LoadOutcome {
  std::optional<Config> config;      // present exactly when there are no errors
  std::vector<Diagnostic> errors;    // at most kDiagnosticsMax, in the file's order
  std::vector<Diagnostic> warnings;  // likewise

  bool ok() const { return config.has_value(); }
  // All diagnostics, one after the other, each with a newline at its end.
  std::string ToString() const;
};

// Reads `path`. Relative paths in it are taken from the folder it lies in. Blocks on file reads:
// not for the loop thread.
LoadOutcome Load(const std::string& path, const LoadOptions& options = {});

// The same for `text`; `file_name` is what messages call it, and where relative paths begin.
LoadOutcome LoadText(std::string_view text, const std::string& file_name,
                     const LoadOptions& options = {});

}  // namespace summon::configs
