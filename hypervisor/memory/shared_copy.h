// SPDX-License-Identifier: Apache-2.0
#pragma once
// Copies from and to memory that somebody else may be writing at the same time.
//
// A hostile guest with a second thread of execution on its memory would make a plain copy a data
// race, which C++ gives no meaning, and a compiler is free to read a plain location twice. These
// copies read and write each place exactly once, with relaxed atomic accesses of 8 bytes where
// the address allows and of one byte elsewhere: the result may be torn, never anything else. The
// tests run them beside such a thread.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace summon::hypervisor {

namespace shared_copy_internal {

inline bool WordAt(const std::uint8_t* place, std::size_t left) {
  // SAFETY: only the low bits of the address are looked at.
  return left >= sizeof(std::uint64_t) &&
         reinterpret_cast<std::uintptr_t>(place) % sizeof(std::uint64_t) == 0;
}

// As a type that may alias anything.
using Word __attribute__((may_alias)) = std::uint64_t;

}  // namespace shared_copy_internal

// `to` is private, and as large as `from`.
inline void CopyFromGuest(std::span<const std::uint8_t> from, std::uint8_t* to) {
  using namespace shared_copy_internal;
  std::size_t i = 0;
  while (i < from.size()) {
    if (WordAt(from.data() + i, from.size() - i)) {
      // SAFETY: WordAt() has checked alignment and size.
      const std::uint64_t word = __atomic_load_n(
          reinterpret_cast<const Word*>(from.data() + i), __ATOMIC_RELAXED);
      std::memcpy(to + i, &word, sizeof word);
      i += sizeof word;
    } else {
      to[i] = __atomic_load_n(from.data() + i, __ATOMIC_RELAXED);
      ++i;
    }
  }
}

// `from` is private; `to` is as large.
inline void CopyToGuest(std::span<const std::uint8_t> from, std::uint8_t* to) {
  using namespace shared_copy_internal;
  std::size_t i = 0;
  while (i < from.size()) {
    if (WordAt(to + i, from.size() - i)) {
      std::uint64_t word;
      std::memcpy(&word, from.data() + i, sizeof word);
      // SAFETY: WordAt() has checked alignment and size.
      __atomic_store_n(reinterpret_cast<Word*>(to + i), word, __ATOMIC_RELAXED);
      i += sizeof word;
    } else {
      __atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
      ++i;
    }
  }
}

}  // namespace summon::hypervisor
