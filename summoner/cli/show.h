// SPDX-License-Identifier: Apache-2.0
#pragma once
// How `summon` prints what summond said: for people, or as JSON for programs.

#include <string>
#include <vector>

#include "summoner/control/control.pb.h"

namespace summon::cli {

// A table, one line a service.
std::string ListTable(const std::vector<control::Service>& services);

// All that is known of one service, with the waterfall of its last summon.
std::string StatusText(const control::Service& service);

// The message as JSON with the field names of control.proto; every field present.
std::string Json(const google::protobuf::Message& message);

}  // namespace summon::cli
