// SPDX-License-Identifier: Apache-2.0
#pragma once
// Detail: a sentence about why a guest ended, built without allocating.
//
// Once the sandbox is closed the monitor may not ask for memory, so what it has to say about an
// end is written into a fixed buffer: that of the end report. What does not fit is cut.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "hypervisor/control/protocol.h"

namespace summon::hypervisor {

class Detail final {
 public:
  static constexpr std::size_t kSize = sizeof(ReportFrame::detail);

  Detail() = default;
  Detail(std::string_view text) { Add(text); }  // NOLINT: a sentence is a detail
  Detail(const char* text) { Add(std::string_view(text)); }  // NOLINT: likewise

  std::string_view view() const { return {text_.data(), size_}; }
  bool empty() const { return size_ == 0; }

  Detail& Add(std::string_view text) {
    const std::size_t room = kSize - 1 - size_;  // the last byte stays NUL
    const std::size_t count = text.size() < room ? text.size() : room;
    std::memcpy(text_.data() + size_, text.data(), count);
    size_ += count;
    return *this;
  }
  Detail& AddNumber(std::uint64_t value) {
    char digits[20];
    std::size_t first = sizeof digits;
    do {
      digits[--first] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return Add(std::string_view(digits + first, sizeof digits - first));
  }
  // As "0x" and lower-case digits.
  Detail& AddHex(std::uint64_t value) {
    char digits[16];
    std::size_t first = sizeof digits;
    do {
      digits[--first] = "0123456789abcdef"[value & 0xf];
      value >>= 4;
    } while (value != 0);
    return Add("0x").Add(std::string_view(digits + first, sizeof digits - first));
  }
  // As pairs of digits with spaces: machine code, for instance.
  Detail& AddBytes(const std::uint8_t* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const char pair[3] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 0xf],
                            ' '};
      Add(std::string_view(pair, i + 1 < count ? 3 : 2));
    }
    return *this;
  }

 private:
  std::array<char, kSize> text_{};
  std::size_t size_ = 0;
};

// Why a VM ended, as the end report will say it.
struct End {
  EndReason reason = EndReason::kHostFault;
  std::int32_t exit_status = 0;
  Detail detail;
  std::uint64_t trap_cookie = 0;  // guest address of HALT's description of a trap; 0: none
};

inline End GuestFault(const Detail& detail) { return {EndReason::kGuestFault, 0, detail}; }
inline End HostFault(const Detail& detail) { return {EndReason::kHostFault, 0, detail}; }

}  // namespace summon::hypervisor
