// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory straight from the kernel, zeroed, for tables that are built once: what is given back is
// given back at once, so that a reload leaves no larger process behind.

#include <cstddef>
#include <cstdint>
#include <utility>

namespace summon::dns {

class Pages {
 public:
  Pages() = default;
  // Aborts when the kernel has no memory left, as any allocation does. 0 octets: no memory.
  explicit Pages(std::size_t size);
  ~Pages();
  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Pages& operator=(Pages&& other) noexcept;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace summon::dns
