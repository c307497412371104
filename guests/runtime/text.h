// SPDX-License-Identifier: Apache-2.0
#pragma once
// Builds text in a fixed buffer: console lines, HTTP heads, JSON. No allocation, no printf.
//
// Portable on purpose: the HTTP code that uses it is tested on the host.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace summon::guest {

// Appends to memory that somebody else owns; what does not fit is cut and remembered.
class TextWriter final {
 public:
  TextWriter(char* data, std::size_t capacity) : data_(data), capacity_(capacity) {}

  TextWriter& operator<<(std::string_view text) {
    std::size_t count = text.size();
    if (count > capacity_ - size_) {
      count = capacity_ - size_;
      truncated_ = true;
    }
    if (count > 0) __builtin_memcpy(data_ + size_, text.data(), count);
    size_ += count;
    return *this;
  }
  TextWriter& operator<<(const char* text) { return *this << std::string_view(text); }
  TextWriter& operator<<(char c) { return *this << std::string_view(&c, 1); }
  TextWriter& operator<<(std::uint64_t value) { return Number(value, 1); }
  TextWriter& operator<<(std::uint32_t value) { return Number(value, 1); }
  TextWriter& operator<<(std::int32_t value) {
    if (value >= 0) return Number(static_cast<std::uint64_t>(value), 1);
    return (*this << '-').Number(-static_cast<std::uint64_t>(value), 1);
  }

  // Decimal, with leading zeros up to `width_min` digits.
  TextWriter& Number(std::uint64_t value, std::size_t width_min) {
    char digits[kDigitsMax];
    std::size_t at = kDigitsMax;
    do {
      digits[--at] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (kDigitsMax - at < width_min && at > 0) digits[--at] = '0';
    return *this << std::string_view(digits + at, kDigitsMax - at);
  }

  // "0x" and hexadecimal digits.
  TextWriter& HexNumber(std::uint64_t value) {
    char digits[2 + 16];
    std::size_t at = sizeof digits;
    do {
      digits[--at] = "0123456789abcdef"[value & 15];
      value >>= 4;
    } while (value != 0);
    digits[--at] = 'x';
    digits[--at] = '0';
    return *this << std::string_view(digits + at, sizeof digits - at);
  }

  std::string_view view() const { return {data_, size_}; }
  std::size_t size() const { return size_; }
  bool truncated() const { return truncated_; }

 private:
  static constexpr std::size_t kDigitsMax = 20;  // of 2^64 - 1

  char* data_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  bool truncated_ = false;
};

// A TextWriter with a buffer of its own.
template <std::size_t kCapacity>
class Text final {
 public:
  template <typename Part>
  Text& operator<<(const Part& part) {
    writer_ << part;
    return *this;
  }
  TextWriter& writer() { return writer_; }
  std::string_view view() const { return writer_.view(); }

 private:
  char buffer_[kCapacity];
  TextWriter writer_{buffer_, kCapacity};
};

// A console line.
inline constexpr std::size_t kLineMax = 512;
using Line = Text<kLineMax>;

}  // namespace summon::guest
