// SPDX-License-Identifier: Apache-2.0
#pragma once
// One question to summond over its control socket. Blocks: it serves a command, not a loop.

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "summoner/control/control.pb.h"

namespace summon::cli {

// Sends `request` to the daemon at `socket_path` and waits for its answer, `patience` at most.
// Errors: kUnavailable or kNotFound when no daemon listens there, kPermission, kTimeout.
Result<control::Response> Ask(const std::string& socket_path, const control::Request& request,
                              Duration patience);

// The exit status that says what went wrong.
int ExitStatusOf(const Error& error);
int ExitStatusOf(const control::Response& response);

}  // namespace summon::cli
