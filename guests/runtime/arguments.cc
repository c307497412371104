// SPDX-License-Identifier: Apache-2.0
// Reading the command line's options; see the header.
#include "guests/runtime/arguments.h"

#include <cstddef>

namespace summon::guest {

namespace {

constexpr std::size_t kNameMax = 63;

// `text` behind `prefix`, when it begins with it.
std::optional<std::string_view> After(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return std::string_view(text.data() + prefix.size(), text.size() - prefix.size());
}

}  // namespace

std::optional<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t limit) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (limit - digit) / 10 || digit > limit) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<Ipv4> ParseIpv4(std::string_view text) {
  Ipv4 address;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = part < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos || end == 0) return std::nullopt;
    const std::string_view digits(text.data(), end);
    const auto value = ParseNumber(digits, 255);
    if (!value || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
    address.value = address.value << 8 | static_cast<std::uint32_t>(*value);
    if (part < 3) text.remove_prefix(end + 1);
  }
  return address;
}

std::optional<Ipv4Network> ParseIpv4Network(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = ParseIpv4(std::string_view(text.data(), slash));
  text.remove_prefix(slash + 1);
  const auto bits = ParseNumber(text, 32);
  if (!address || !bits) return std::nullopt;
  return Ipv4Network{*address, static_cast<std::uint32_t>(*bits)};
}

std::optional<std::string_view> Words::Next() {
  while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  if (rest_.empty()) return std::nullopt;
  std::size_t end = rest_.find(' ');
  if (end == std::string_view::npos) end = rest_.size();
  const std::string_view word(rest_.data(), end);
  rest_.remove_prefix(end);
  return word;
}

bool ValidName(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-') return false;
  }
  return true;
}

std::optional<ArgumentError> ParseNetArguments(std::string_view command_line,
                                               NetArguments& arguments) {
  bool have_address = false;
  Words words(command_line);
  while (const auto word = words.Next()) {
    if (const auto own = After(*word, "--ipv4=")) {
      const auto network = ParseIpv4Network(*own);
      if (!network) return ArgumentError{*word, "is not --ipv4=a.b.c.d/bits"};
      arguments.ipv4 = *network;
      have_address = true;
    } else if (const auto address = After(*word, "--ipv4-gateway=")) {
      const auto gateway = ParseIpv4(*address);
      if (!gateway) return ArgumentError{*word, "is not --ipv4-gateway=a.b.c.d"};
      arguments.gateway = *gateway;
    } else if (const auto name = After(*word, "--name=")) {
      if (!ValidName(*name)) {
        return ArgumentError{*word, "is not --name= and 1 to 63 of letters, digits, '.', '-'"};
      }
      arguments.name = *name;
    } else if (const auto delay = After(*word, "--delay-ms=")) {
      const auto delay_ms = ParseNumber(*delay, kDelayMsMax);
      if (!delay_ms) return ArgumentError{*word, "is not --delay-ms= and 0 to 60000"};
      arguments.delay_ms = *delay_ms;
    } else if (!word->starts_with("--solo5:")) {
      return ArgumentError{*word,
                           "is not an option (--ipv4=, --ipv4-gateway=, --name=, --delay-ms=)"};
    }
  }
  if (!have_address) return ArgumentError{"--ipv4=a.b.c.d/bits", "is missing"};
  if (arguments.gateway.value != 0 && !arguments.ipv4.Contains(arguments.gateway)) {
    return ArgumentError{"--ipv4-gateway", "lies outside the network of --ipv4"};
  }
  return std::nullopt;
}

}  // namespace summon::guest
