// SPDX-License-Identifier: Apache-2.0
#pragma once
// The version that --version prints and metrics show. The same as in CMakeLists.txt and CHANGELOG.

namespace summon {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace summon
