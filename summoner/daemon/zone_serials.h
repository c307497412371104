// SPDX-License-Identifier: Apache-2.0
#pragma once
// Serials of zones: they move when, and only when, the zone does.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace summon::summoner {

class ZoneSerials {
 public:
  // True when `a` is later than `b` (RFC 1982 section 3.2).
  static bool IsLater(std::uint32_t a, std::uint32_t b);

  // The serial of a zone whose whole content is `content`, in any form that differs when the zone
  // does: the last one, or, when it differs, `now_s` (seconds since 1970), or one more than the
  // last when that is not earlier.
  std::uint32_t Next(const std::string& apex, std::string_view content, std::uint32_t now_s);
  // The same for a zone that is always taken to have changed.
  std::uint32_t Advance(const std::string& apex, std::uint32_t now_s);

 private:
  struct Last {
    std::uint64_t digest = 0;
    std::uint32_t serial = 0;
  };
  std::map<std::string, Last, std::less<>> last_;  // by apex
};

}  // namespace summon::summoner
