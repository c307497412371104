// SPDX-License-Identifier: Apache-2.0
#pragma once
// User ids for monitors, so that no two of them can touch each other.

#include <cstddef>
#include <optional>
#include <vector>

namespace summon::launcher {

// User ids for monitors, one each while it lives. Only root can change to them.
class UidRange final {
 public:
  static constexpr unsigned kFirst = 61'184;  // not used by Debian (policy 9.2.2) or systemd
  static constexpr unsigned kCount = 4'000;

  UidRange();

  // No value when we are not root, or all are taken.
  std::optional<unsigned> Take();
  void GiveBack(unsigned uid);

 private:
  std::vector<bool> taken_ = std::vector<bool>(kCount, false);
  std::size_t next_;  // begins at a place of this process's own, for the sake of other launchers
};

}  // namespace summon::launcher
