// SPDX-License-Identifier: Apache-2.0
// The few functions of the C library that compilers and lwIP call.
//
// Copies move eight bytes at a time with plain loads and stores. Not `rep movsb`: a KVM that
// interprets guest ring 0 needs 0.9 us for each of its bytes, and 0.6 us for any other
// instruction, so fewer instructions is the only speed there is.

#include <cstddef>
#include <cstdint>

#include "guests/runtime/runtime.h"

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

// SAFETY: may alias anything and be unaligned, as bytes may; x86_64 allows unaligned access.
struct [[gnu::packed, gnu::may_alias]] Word {
  std::uint64_t value;
};

std::uint64_t Load(const unsigned char* from) {
  // SAFETY: the callers have at least a word left at `from`; see Word.
  return reinterpret_cast<const Word*>(from)->value;
}

void Store(unsigned char* to, std::uint64_t value) {
  // SAFETY: the callers have at least a word left at `to`; see Word.
  reinterpret_cast<Word*>(to)->value = value;
}

}  // namespace

extern "C" {

// Declared here because the host's <cstring> is not for freestanding programs.
void* memcpy(void* __restrict to, const void* __restrict from, std::size_t count);
void* memmove(void* to, const void* from, std::size_t count);
void* memset(void* to, int byte, std::size_t count);
int memcmp(const void* a, const void* b, std::size_t count);
void* memchr(const void* bytes, int wanted, std::size_t count);
std::size_t strlen(const char* text);
int strcmp(const char* a, const char* b);
int strncmp(const char* a, const char* b, std::size_t count);
[[noreturn]] void abort();
[[noreturn]] void __cxa_pure_virtual();

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t count) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  for (; count >= 4 * kWord; count -= 4 * kWord, in += 4 * kWord, out += 4 * kWord) {
    const std::uint64_t a = Load(in), b = Load(in + kWord);
    const std::uint64_t c = Load(in + 2 * kWord), d = Load(in + 3 * kWord);
    Store(out, a);
    Store(out + kWord, b);
    Store(out + 2 * kWord, c);
    Store(out + 3 * kWord, d);
  }
  for (; count >= kWord; count -= kWord, in += kWord, out += kWord) Store(out, Load(in));
  for (; count > 0; --count) *out++ = *in++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t count) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (out <= in || out >= in + count) {
    // Forwards is safe word by word: a word is loaded before the store that could overlap it.
    for (; count >= kWord; count -= kWord, in += kWord, out += kWord) Store(out, Load(in));
    for (; count > 0; --count) *out++ = *in++;
    return to;
  }
  for (; count >= kWord; count -= kWord) {
    Store(out + count - kWord, Load(in + count - kWord));
  }
  for (; count > 0; --count) out[count - 1] = in[count - 1];
  return to;
}

void* memset(void* to, int byte, std::size_t count) {
  auto* out = static_cast<unsigned char*>(to);
  const std::uint64_t pattern = static_cast<unsigned char>(byte) * 0x0101010101010101ull;
  for (; count >= kWord; count -= kWord, out += kWord) Store(out, pattern);
  for (; count > 0; --count) *out++ = static_cast<unsigned char>(byte);
  return to;
}

int memcmp(const void* a, const void* b, std::size_t count) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (; count >= kWord && Load(left) == Load(right); count -= kWord) {
    left += kWord;
    right += kWord;
  }
  for (; count > 0; --count, ++left, ++right) {
    if (*left != *right) return *left < *right ? -1 : 1;
  }
  return 0;
}

void* memchr(const void* bytes, int wanted, std::size_t count) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (; count > 0; --count, ++at) {
    if (*at == static_cast<unsigned char>(wanted)) return const_cast<unsigned char*>(at);
  }
  return nullptr;
}

std::size_t strlen(const char* text) {
  const char* end = text;
  while (*end != 0) ++end;
  return static_cast<std::size_t>(end - text);
}

int strcmp(const char* a, const char* b) {
  for (; *a != 0 && *a == *b; ++a, ++b) {
  }
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

int strncmp(const char* a, const char* b, std::size_t count) {
  for (; count > 0; --count, ++a, ++b) {
    if (*a != *b) return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
    if (*a == 0) return 0;
  }
  return 0;
}

void abort() { summon::guest::Panic("abort"); }
void __cxa_pure_virtual() { summon::guest::Panic("pure virtual call"); }

}  // extern "C"

// What the standard library's headers call instead of throwing, in programs without exceptions.
namespace std {
[[gnu::noreturn]] void __throw_out_of_range_fmt(const char* format, ...);
void __throw_out_of_range_fmt(const char* format, ...) {
  summon::guest::Panic(format);
}
}  // namespace std
