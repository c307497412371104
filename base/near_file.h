// SPDX-License-Identifier: Apache-2.0
#pragma once
// What file somebody may have meant who named one that is not there.

#include <optional>
#include <string>

namespace summon {

// A hint for people: `did you mean "/srv/web.hvt"?`, or that the folder itself is not there.
// Nothing when no name in the folder is near. Reads the folder, a bounded part of it: for command
// lines and configurations, not for a loop's thread.
std::optional<std::string> NearFileHint(const std::string& path);

}  // namespace summon
