// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ways to break a good image, for tests of what is said about it.

#include <cstdint>
#include <string>

namespace summon::bad_input {

std::string ReadFileBytes(const std::string& path);

// Without the last byte of what is to be loaded.
std::string Truncated(std::string image);
// The same file, said to be for aarch64.
std::string ForAarch64(std::string image);
// Its first executable segment made writable.
std::string WritableText(std::string image);
// Its ABI note says version 99.
std::string UnknownAbi(std::string image);

}  // namespace summon::bad_input
