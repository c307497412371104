// SPDX-License-Identifier: Apache-2.0
#pragma once
// What marks a layout file, for those who write and read it.

#include <cstdint>

namespace summon::hypervisor {

inline constexpr char kLayoutMagic[8] = {'S', 'U', 'M', 'M', 'L', 'A', 'Y', '\0'};
inline constexpr std::uint32_t kLayoutVersion = 1;

}  // namespace summon::hypervisor
