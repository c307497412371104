// SPDX-License-Identifier: Apache-2.0
#pragma once
// StrCat and a few pure functions on text. Small on purpose: the monitor links no third-party
// library, and one way to build a message everywhere is better than two.

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace summon {

namespace strings_internal {

inline void Append(std::string& out, std::string_view text) { out += text; }
inline void Append(std::string& out, const char* text) { out += text; }
inline void Append(std::string& out, char c) { out += c; }
inline void Append(std::string& out, bool value) { out += value ? "true" : "false"; }

template <typename Number>
  requires(std::integral<Number> && !std::same_as<Number, char> && !std::same_as<Number, bool>)
void Append(std::string& out, Number value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end.ptr);
}

void AppendDouble(std::string& out, double value);
template <std::floating_point Number>
void Append(std::string& out, Number value) {
  AppendDouble(out, static_cast<double>(value));
}

}  // namespace strings_internal

// The arguments, one after the other: text as it is, integers in decimal, floating point with up
// to six significant digits, bool as "true" and "false".
template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  std::string out;
  (strings_internal::Append(out, parts), ...);
  return out;
}

// `value` as "0x" and lower-case hexadecimal digits.
std::string Hex(unsigned long long value);

// `text` in double quotes; quotes, backslashes and bytes outside printable ASCII escaped, so that
// a hostile name cannot forge a log line. Valid inside JSON.
std::string Quote(std::string_view text);

// `text` cut at each `separator`; empty pieces are kept.
std::vector<std::string_view> Split(std::string_view text, char separator);

// ASCII lower case.
std::string ToLower(std::string_view text);

// The whole of `text` as a decimal number, or nothing.
std::optional<unsigned long long> ParseUnsigned(std::string_view text);

// How many letters differ, for "did you mean": insertions, deletions, changes, and swaps of
// neighbours (optimal string alignment). Cost is the product of the lengths; each text is cut at
// 64 bytes.
std::size_t EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to `text`, when it is near enough to be a likely misspelling of it.
std::optional<std::string> NearestName(std::string_view text,
                                       const std::vector<std::string>& candidates);

}  // namespace summon
