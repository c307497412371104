// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bounds of the control socket that both of its ends keep to. The messages are control.proto.

#include <cstddef>
#include <cstdint>

namespace summon::control {

// Fits the kernel's default socket buffer (net.core.wmem_default is 212,992 on Linux).
inline constexpr std::size_t kMessageBytesMax = 160 * 1024;
// A page of a list ends after so many services or bytes. One service more has at most 64 names of
// 255 bytes, which still fits a message.
inline constexpr std::size_t kPageServices = 100;
inline constexpr std::size_t kPageBytes = kMessageBytesMax / 2;
inline constexpr std::uint32_t kTimeoutMaxMs = 60'000;

}  // namespace summon::control
