// SPDX-License-Identifier: Apache-2.0
#pragma once
// Exit statuses of `summon`; part of the interface.

namespace summon::cli {

enum ExitStatus : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitUnreachable = 4,
  kExitPermission = 5,
  kExitTimeout = 6,
};

}  // namespace summon::cli
