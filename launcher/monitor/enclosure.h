// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this host lets us put around monitors from outside. The rest of their sandbox they enter
// themselves. What is missing is said once, and monitors run without it.

#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "launcher/monitor/cgroups.h"
#include "launcher/monitor/namespaces.h"

namespace summon::launcher {

class Enclosure final {
 public:
  explicit Enclosure(Logger& log);
  Enclosure(const Enclosure&) = delete;
  Enclosure& operator=(const Enclosure&) = delete;

  // For SpawnSpec; empty when there are none. Valid as long as this object.
  std::vector<int> namespaces() const;
  // A control group for the process; none where the host has none, or (logged) it failed.
  std::unique_ptr<CgroupLeaf> GroupFor(int pid);

 private:
  Logger& log_;
  std::optional<EmptyNamespaces> namespaces_;
  std::optional<CgroupTree> cgroups_;
};

}  // namespace summon::launcher
