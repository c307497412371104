// SPDX-License-Identifier: Apache-2.0
// Hexadecimal and base64; see the header.
#include "dns/binary_text.h"

namespace summon::dns {

namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool HexReader::Add(std::string_view text) {
  for (const char c : text) {
    const int value = HexValue(c);
    if (value < 0) return false;
    if (half_) {
      out_.push_back(static_cast<std::uint8_t>(high_ << 4 | value));
    } else {
      high_ = static_cast<std::uint8_t>(value);
    }
    half_ = !half_;
  }
  return true;
}

bool Base64Reader::Add(std::string_view text) {
  for (const char c : text) {
    ++count_;
    if (c == '=') {
      if (++padding_ > 2) return false;
      continue;
    }
    const std::size_t value = kBase64.find(c);
    if (value == std::string_view::npos || padding_ > 0) return false;
    bits_ = (bits_ << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
    held_ += 6;
    if (held_ < 8) continue;
    held_ -= 8;
    out_.push_back(static_cast<std::uint8_t>(bits_ >> held_));
    bits_ &= (1u << held_) - 1;
  }
  return true;
}

std::string HexText(Bytes octets) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const std::uint8_t octet : octets) {
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
  return out;
}

std::string Base64Text(Bytes octets) {
  std::string out;
  while (!octets.empty()) {
    const std::size_t count = octets.size() < 3 ? octets.size() : 3;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? octets[i] : 0u);
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= count ? kBase64[bits >> (18 - 6 * i) & 63] : '=';
    }
    octets = octets.subspan(count);
  }
  return out;
}

}  // namespace summon::dns
