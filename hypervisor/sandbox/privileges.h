// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a monitor process may do on this host, apart from system calls: nothing, as far as it was
// started with the rights to arrange it. As an ordinary user (`summon run`) it keeps its user id
// and its namespaces; everything else holds just the same.

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace summon::hypervisor {

// Enters the namespaces whose descriptors are `first_fd` and the kNamespaces - 1 after it: no
// network, no files (the root is an empty directory), no IPC objects, no host name, no control
// groups to see. Whoever started us made them, once for all monitors. The descriptors stay open.
//
// Errors: kPermission without CAP_SYS_ADMIN and CAP_SYS_CHROOT.
Status EnterNamespaces(int first_fd);

// Becomes user and group `uid`, when that is given and the process is root, without supplementary
// groups; then gives up every capability in every set, with the ways to regain one locked
// (securebits, no_new_privs), every right to files, sockets and signals that Landlock knows
// (where the kernel has it), and being readable by debuggers (no core dump either).
Status DropPrivileges(std::optional<std::uint32_t> uid);

}  // namespace summon::hypervisor
