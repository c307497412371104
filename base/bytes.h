// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bounded reading and writing of bytes that somebody else sent.
//
// A reader never reads past its end and a writer never writes past its own: a read or write that
// does not fit fails and leaves the position where it was. Header only: it is the inner loop of
// the DNS server and of the hypercall path.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace summon {

using Bytes = std::span<const std::uint8_t>;

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  Bytes all() const { return bytes_; }

  // Moves to an absolute offset; false when it lies past the end.
  bool Seek(std::size_t position) {
    if (position > bytes_.size()) return false;
    position_ = position;
    return true;
  }
  bool Skip(std::size_t count) {
    if (count > remaining()) return false;
    position_ += count;
    return true;
  }

  std::optional<Bytes> Take(std::size_t count) {
    if (count > remaining()) return std::nullopt;
    const Bytes taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  std::optional<std::uint8_t> U8() {
    if (remaining() < 1) return std::nullopt;
    return bytes_[position_++];
  }
  // Network byte order (big-endian).
  std::optional<std::uint16_t> Be16() {
    if (remaining() < 2) return std::nullopt;
    const std::uint8_t* p = bytes_.data() + position_;
    position_ += 2;
    return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
  }
  std::optional<std::uint32_t> Be32() {
    if (remaining() < 4) return std::nullopt;
    const std::uint8_t* p = bytes_.data() + position_;
    position_ += 4;
    return static_cast<std::uint32_t>(p[0]) << 24 | static_cast<std::uint32_t>(p[1]) << 16 |
           static_cast<std::uint32_t>(p[2]) << 8 | p[3];
  }

  // A trivially copyable value in the host's own layout (little-endian ELF, our control frames).
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> Read() {
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
};

class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::uint8_t> space) : space_(space) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return space_.size() - position_; }
  // What has been written so far.
  Bytes written() const { return Bytes(space_.data(), position_); }

  // Goes back to an earlier position, dropping what was written after it.
  bool Rewind(std::size_t position) {
    if (position > position_) return false;
    position_ = position;
    return true;
  }

  bool Put(Bytes bytes) {
    if (bytes.size() > remaining()) return false;
    if (!bytes.empty()) std::memcpy(space_.data() + position_, bytes.data(), bytes.size());
    position_ += bytes.size();
    return true;
  }
  bool U8(std::uint8_t value) {
    if (remaining() < 1) return false;
    space_[position_++] = value;
    return true;
  }
  bool Be16(std::uint16_t value) {
    if (remaining() < 2) return false;
    PutBe16At(position_, value);
    position_ += 2;
    return true;
  }
  bool Be32(std::uint32_t value) {
    if (remaining() < 4) return false;
    PutBe16At(position_, static_cast<std::uint16_t>(value >> 16));
    PutBe16At(position_ + 2, static_cast<std::uint16_t>(value));
    position_ += 4;
    return true;
  }
  // Overwrites two bytes that were written before, for counts and lengths known only later.
  bool PatchBe16(std::size_t at, std::uint16_t value) {
    if (position_ < 2 || at > position_ - 2) return false;
    PutBe16At(at, value);
    return true;
  }

 private:
  void PutBe16At(std::size_t at, std::uint16_t value) {
    space_[at] = static_cast<std::uint8_t>(value >> 8);
    space_[at + 1] = static_cast<std::uint8_t>(value);
  }

  std::span<std::uint8_t> space_;
  std::size_t position_ = 0;
};

}  // namespace summon
