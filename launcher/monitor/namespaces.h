// SPDX-License-Identifier: Apache-2.0
#pragma once
// The empty world that monitors live in: a network namespace without an interface, a mount
// namespace whose root is an empty read-only directory, and namespaces of IPC, host name and
// control groups. Made once and shared by all monitors, because entering a namespace takes a
// few microseconds and making one up to half a millisecond (docs/decisions/0014). There is nothing
// in it that two monitors could share: their filters permit no call that creates anything.

#include <array>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "hypervisor/control/protocol.h"

namespace summon::launcher {

class EmptyNamespaces final {
 public:
  // Made by a thread that ends afterwards; the descriptors keep them alive.
  // Errors: kPermission without CAP_SYS_ADMIN (not root, or a container that lacks it).
  static Result<EmptyNamespaces> Create();

  // For `--namespaces=`, as long as this object lives.
  std::array<int, hypervisor::kNamespaces> fds() const;

 private:
  std::array<UniqueFd, hypervisor::kNamespaces> fds_;
};

}  // namespace summon::launcher
